/** Which hosts each saved group has: the controller says so, again after hosts or groups changed. */

import { isAbort } from "../../core/problem.js";

const AGAIN_MS = 5000;

/** Emits "change" when the members are known anew. */
export class GroupMembers extends EventTarget {
  /**
   * @param {import("../../core/api.js").Api} api
   * @param {import("../../core/live.js").Live} live
   */
  constructor(api, live) {
    super();
    this._api = api;
    this._live = live;
    /** Hosts ("site/host") by group; empty until it is known. @type {Map<string, Set<string>>} */
    this.members = new Map();
    this.known = false;
    /** @type {import("../../core/problem.js").Problem | null} */
    this.problem = null;
    /** @type {(() => void)[]} */
    this._following = [];
    this._timer = 0;
    this._askedAt = 0;
    /** @type {AbortController | null} */
    this._request = null;
  }

  /** Ask, and follow what changes; `end` lets go. Both may be called again. */
  begin() {
    if (this._following.length) return;
    this._following = ["host", "group"].map((kind) => this._live.on(kind, () => this._stale()));
    void this._ask();
  }

  end() {
    for (const off of this._following) off();
    this._following = [];
    clearTimeout(this._timer);
    this._timer = 0;
    this._request?.abort();
  }

  _stale() {
    if (this._timer) return;
    this._timer = setTimeout(() => void this._ask(), Math.max(0, this._askedAt + AGAIN_MS - Date.now()));
  }

  async _ask() {
    this._timer = 0;
    this._askedAt = Date.now();
    this._request?.abort();
    const request = new AbortController();
    this._request = request;
    try {
      const members = new Map();
      for (const group of await this._api.all("/groups")) members.set(group.name, await this._hosts(group.name, request.signal));
      if (request.signal.aborted) return;
      this.members = members;
      this.known = true;
      this.problem = null;
    } catch (error) {
      if (isAbort(error) || request.signal.aborted) return;
      this.problem = /** @type {import("../../core/problem.js").Problem} */ (error);
    }
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {string} name
   * @param {AbortSignal} signal
   */
  async _hosts(name, signal) {
    const keys = new Set();
    let cursor = null;
    do {
      /** @type {any} */
      const page = await this._api.get(`/groups/${name}/hosts`, { limit: 500, cursor }, signal);
      for (const host of page.items) keys.add(`${host.site}/${host.host}`);
      cursor = page.next ?? null;
    } while (cursor !== null);
    return keys;
  }
}
