/** What only the controller knows of hosts: asked, and again, not too often, after hosts or groups changed. */

/** Emits "change" when it is known anew. Who extends it says what is asked (`_answer`). */
export class AskedAgain extends EventTarget {
  /**
   * @param {import("../../core/api.js").Api} api
   * @param {import("../../core/live.js").Live} live
   * @param {number} again_ms how long after one question the next may come
   */
  constructor(api, live, again_ms) {
    super();
    this._api = api;
    this._live = live;
    this._again_ms = again_ms;
    /** Why it could not be answered the last time, in the words of the controller. @type {import("../../core/problem.js").Problem | null} */
    this.problem = null;
    /** Whether there is no answer yet to what is asked now. */
    this.asking = false;
    /** @type {AbortController | null} */
    this._request = null;
    this._timer = 0;
    /** Whether something changed since the question under way was asked. */
    this._missed = false;
    this._askedAt = 0;
    /** @type {(() => void)[]} */
    this._following = [];
  }

  /** Follow what changes; `end` lets go. Both may be called again. */
  begin() {
    if (!this._following.length) this._following = ["host", "group"].map((kind) => this._live.on(kind, () => this._stale()));
  }

  end() {
    for (const off of this._following) off();
    this._following = [];
    this._takeBack();
  }

  /** Nothing is asked any more for now. */
  _takeBack() {
    clearTimeout(this._timer);
    this._timer = 0;
    this._request?.abort();
    this._request = null;
    this._missed = false;
  }

  _stale() {
    if (this._timer) return;
    this._timer = setTimeout(() => void this._ask(), Math.max(0, this._askedAt + this._again_ms - Date.now()));
  }

  /** One question at a time: one under way is let end, else there is never an answer while things change faster than it comes. */
  async _ask() {
    this._timer = 0;
    if (this._request) {
      this._missed = true;
      return;
    }
    this._askedAt = Date.now();
    const request = new AbortController();
    this._request = request;
    try {
      await this._answer(request.signal);
      if (request.signal.aborted) return;
      this.problem = null;
    } catch (error) {
      if (request.signal.aborted) return;
      this.problem = /** @type {import("../../core/problem.js").Problem} */ (error);
    }
    this._request = null;
    this.asking = false;
    this.dispatchEvent(new Event("change"));
    if (!this._missed) return;
    this._missed = false;
    this._stale();
  }

  /**
   * Ask, and keep what is answered unless it was taken back meanwhile.
   * @param {AbortSignal} _signal
   * @returns {Promise<void>} Rejects with Problem.
   */
  async _answer(_signal) {}
}

/**
 * Hosts by their names.
 * @param {Iterable<{site: string, host: string}>} hosts
 * @returns {Set<string>} "site/host"
 */
export function keysOf(hosts) {
  return new Set([...hosts].map((host) => `${host.site}/${host.host}`));
}
