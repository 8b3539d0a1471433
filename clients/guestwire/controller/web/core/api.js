/** The REST API: JSON both ways, problems as errors, the CSRF text and idempotency keys. It knows no subject of the API. */

import { Problem, isAbort, problemOf, unreachable } from "./problem.js";

const PREFIX = "/api/v1";
/** A path with a query of its own, or that goes up: what a browser would make of it is another path. */
const ELSEWHERE = /[?#\\]|(^|\/)(\.|%2e){1,2}(\/|$)/i;
/** Longer than the controller lets any request take. */
const LONGEST_MS = 120_000;
const CHANGES = new Set(["POST", "PUT", "PATCH", "DELETE"]);
/** How long it is waited before a request without an answer is sent again, each time. */
const AGAIN_MS = [100, 400, 1000];

/** @typedef {Record<string, string | number | boolean | null | undefined | readonly (string | number)[]>} Query */
/** @typedef {{body?: unknown, query?: Query, ifMatch?: string | number, ifNoneMatch?: "*", signal?: AbortSignal, key?: string, reads?: boolean}} Options */
/** @typedef {{document: any, etag: string | null, status: number, location: string | null}} Answer */

/** Requests of one browser session. Emits "signed-out" when the controller knows nobody any more. */
export class Api extends EventTarget {
  /** @param {typeof fetch} [send] */
  constructor(send = (...given) => fetch(...given)) {
    super();
    this._send = send;
    /** What X-Guestwire-Csrf has; given at the sign-in. */
    this.csrf = "";
  }

  /**
   * A document.
   * @param {string} path below /api/v1
   * @param {Query} [query]
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} Rejects with Problem.
   */
  async get(path, query, signal) {
    return (await this.send("GET", path, { query, signal })).document;
  }

  /**
   * A request. It is sent again when its answer was lost, as when the network changes. What changes something is done once: it carries an
   * idempotency key; with "" for one, because it has or gives a secret, it is sent once. `reads`: a POST that changes nothing.
   * @param {string} method
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<Answer>} Rejects with Problem.
   */
  async send(method, path, options = {}) {
    const { signal } = options;
    const late = AbortSignal.timeout(LONGEST_MS);
    const response = await this._sent(method, path, { ...options, signal: signal ? AbortSignal.any([signal, late]) : late });
    const text = await response.text().catch((error) => {
      throw signal?.aborted ? error : unreachable();
    });
    let document = null;
    if (text) {
      try {
        document = JSON.parse(text);
      } catch {
        document = response.ok ? text : null;
      }
    }
    if (!response.ok) {
      // a mistyped password is nobody's end
      if (response.status === 401 && document?.code !== "LOGIN-REFUSED") this.dispatchEvent(new Event("signed-out"));
      throw problemOf(response.status, document);
    }
    return {
      document, etag: response.headers.get("etag"), status: response.status, location: response.headers.get("location"),
    };
  }

  /**
   * Every item of a list, page by page.
   * @param {string} path
   * @param {Query} [query]
   * @param {number} [most]
   * @param {AbortSignal} [signal]
   * @returns {Promise<any[]>}
   */
  async all(path, query = {}, most = 5000, signal = undefined) {
    /** @type {any[]} */
    const items = [];
    let cursor = null;
    do {
      /** @type {any} */
      const page = await this.get(path, { limit: 500, ...query, cursor }, signal);
      items.push(...page.items);
      cursor = page.next ?? null;
    } while (cursor !== null && items.length < most);
    return items;
  }

  /**
   * The reply of an operation of a host that only reads.
   * @param {string} host "site/host"
   * @param {string} operation
   * @param {object} [body]
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  async operation(host, operation, body = {}, signal = undefined) {
    const answer = await this.send("POST", `/hosts/${host}/operations/${operation}`, { body, signal, reads: true });
    return answer.document.reply;
  }

  /**
   * A file as the API gives it, for a download.
   * @param {string} path
   * @param {Query} [query]
   * @returns {Promise<{blob: Blob, name: string | null}>}
   */
  async file(path, query) {
    const response = await this._sent("GET", path, { query });
    if (!response.ok) throw problemOf(response.status, await response.json().catch(() => null));
    const said = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
    return { blob: await response.blob(), name: said ? said[1] : null };
  }

  /**
   * The address of something below the API, for a link. A name in the path cannot lead to another one: Problem.
   * @param {string} path
   * @param {Query} [query]
   */
  address(path, query = {}) {
    if (ELSEWHERE.test(path)) throw new Problem("PATH-INVALID", `There is nothing of such a name: ${path}`);
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value === null || value === undefined || value === "") continue;
      for (const one of Array.isArray(value) ? value : [value]) words.append(name, String(one));
    }
    const text = words.toString();
    return PREFIX + path + (text ? `?${text}` : "");
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Options} options
   */
  async _sent(method, path, { body, query, ifMatch, ifNoneMatch, signal, reads, key = reads ? "" : crypto.randomUUID() }) {
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (CHANGES.has(method)) {
      headers["x-guestwire-csrf"] = this.csrf;
      if (key) headers["idempotency-key"] = key;
    }
    if (ifMatch !== undefined) headers["if-match"] = typeof ifMatch === "number" ? `"${ifMatch}"` : ifMatch;
    if (ifNoneMatch !== undefined) headers["if-none-match"] = ifNoneMatch;
    /** @type {RequestInit} */
    const request = {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin", cache: "no-store",
    };
    return this._repeated(this.address(path, query), request, reads || method === "GET" || key ? AGAIN_MS : []);
  }

  /**
   * @param {string} address
   * @param {RequestInit} request
   * @param {readonly number[]} waits before it is sent again where no answer came, ms
   */
  async _repeated(address, request, waits) {
    for (let again = 0; ;) {
      let wait;
      try {
        const response = await this._send(address, request);
        // sent again, and the first one is still at work
        wait = again && response.status === 409 ? 1000 * Number(response.headers.get("retry-after")) : 0;
        if (!wait) return response;
      } catch (error) {
        if (isAbort(error) || error instanceof Problem) throw error;
        if (again === waits.length || request.signal?.aborted) throw unreachable(CHANGES.has(String(request.method)));
        wait = waits[again++];
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
