/**
 * The hosts that a selection finds, kept right while hosts change. Plain words are found in the browser at once; what a selection
 * with operators means only the controller says, so it is asked, and again after hosts or groups changed.
 */

import { byWords, isWords } from "../../core/selection.js";
import { isAbort } from "../../core/problem.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */
/** @typedef {import("../../core/problem.js").Problem} Problem */

const TYPING_MS = 250;
const AGAIN_MS = 2000;
const MOST = 10_000;

/** Emits "change" when what it finds is known anew. */
export class FoundHosts extends EventTarget {
  /**
   * @param {import("../../core/api.js").Api} api
   * @param {import("../../core/live.js").Live} live
   */
  constructor(api, live) {
    super();
    this._api = api;
    this._live = live;
    this.q = "";
    /** What is wrong with the selection, by the words of the controller. @type {Problem | null} */
    this.problem = null;
    /** Whether the controller has not answered yet for what is asked now. */
    this.asking = false;
    /** What it found last, null: every host. @type {Set<string> | null} */
    this._keys = null;
    /** The hosts of these keys, the same array until something changes: tables sort a new one anew. @type {HostSummary[] | null} */
    this._hosts = null;
    /** @type {AbortController | null} */
    this._request = null;
    this._timer = 0;
    this._askedAt = 0;
    /** @type {(() => void)[]} */
    this._following = [];
  }

  /** Follow the hosts; `end` lets go. */
  begin() {
    this._following = ["host", "group"].map((kind) => this._live.on(kind, () => {
      this._hosts = null;
      this._stale();
    }));
  }

  end() {
    for (const off of this._following) off();
    this._following = [];
    clearTimeout(this._timer);
    this._request?.abort();
  }

  /**
   * Find something else.
   * @param {string} q
   */
  find(q) {
    if (q === this.q) return;
    const typed = this.q !== "";
    this.q = q;
    this.problem = null;
    clearTimeout(this._timer);
    this._timer = 0;
    this._request?.abort();
    this._hosts = null;
    this.asking = q.trim() !== "";
    if (!this.asking) this._keys = null;
    else if (isWords(q)) this._keys = keysOf(byWords(this._live.map("host").values(), q));
    else this._keys ??= new Set(); // what was found before stays until there is an answer, and of nothing comes nothing
    if (this.asking) this._timer = setTimeout(() => void this._ask(), typed || isWords(q) ? TYPING_MS : 0);
    this.dispatchEvent(new Event("change"));
  }

  /** The hosts found, as they are now. @returns {HostSummary[]} */
  get hosts() {
    this._hosts ??= this._found();
    return this._hosts;
  }

  _found() {
    const all = this._live.map("host");
    if (this._keys === null) return [...all.values()];
    return [...this._keys].map((key) => all.get(key)).filter(Boolean);
  }

  _stale() {
    if (this.q.trim() === "" || this._timer || this.problem) return;
    const wait = Math.max(0, this._askedAt + AGAIN_MS - Date.now());
    this._timer = setTimeout(() => void this._ask(), wait);
  }

  async _ask() {
    this._timer = 0;
    this._askedAt = Date.now();
    this._request?.abort();
    const request = new AbortController();
    this._request = request;
    try {
      this._keys = await this._read(request.signal);
      this._hosts = null;
      this.problem = null;
    } catch (error) {
      if (isAbort(error) || request.signal.aborted) return;
      this.problem = /** @type {Problem} */ (error);
    }
    this.asking = false;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {AbortSignal} signal */
  async _read(signal) {
    /** @type {Set<string>} */
    const keys = new Set();
    let cursor = null;
    do {
      /** @type {{items: HostSummary[], next: string | null}} */
      const page = await this._api.get("/hosts", { q: this.q, limit: 500, cursor }, signal);
      for (const host of page.items) keys.add(`${host.site}/${host.host}`);
      cursor = page.next ?? null;
    } while (cursor !== null && keys.size < MOST);
    return keys;
  }
}

/** @param {HostSummary[]} hosts */
function keysOf(hosts) {
  return new Set(hosts.map((host) => `${host.site}/${host.host}`));
}
