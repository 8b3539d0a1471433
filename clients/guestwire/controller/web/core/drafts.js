/** The drafts of all hosts that somebody looked at. */

import { Draft } from "./draft.js";

export { Draft };

export class Drafts {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./live.js").Live} live
   * @param {import("./router.js").Router} router
   * @param {() => any} defaults see defaults.js; what is known of them now
   */
  constructor(api, live, router, defaults) {
    this._api = api;
    this._live = live;
    this._router = router;
    this._defaults = defaults;
    /** @type {Map<string, Draft>} */
    this._drafts = new Map();
  }

  /**
   * The draft of a host; it is read when it is first asked for.
   * @param {string} host "site/host"
   * @returns {Draft}
   */
  of(host) {
    let draft = this._drafts.get(host);
    if (!draft) {
      draft = new Draft(host, this._api, this._live, this._router, this._defaults);
      this._drafts.set(host, draft);
    }
    return draft;
  }

  /** Whether something is not stored yet. */
  get saving() {
    return [...this._drafts.values()].some((draft) => draft.saving);
  }

  /** Forget all: somebody else signs in. */
  forget() {
    for (const draft of this._drafts.values()) draft.end();
    this._drafts.clear();
  }
}
