/** Which hosts each saved group has: the controller says so, again after hosts or groups changed. */

import { AskedAgain, keysOf } from "./asked_again.js";

const AGAIN_MS = 5000;
const MOST = 100_000;

export class GroupMembers extends AskedAgain {
  /**
   * @param {import("../../core/api.js").Api} api
   * @param {import("../../core/live.js").Live} live
   */
  constructor(api, live) {
    super(api, live, AGAIN_MS);
    /** Hosts ("site/host") by group; empty until it is known. @type {Map<string, Set<string>>} */
    this.members = new Map();
    this.known = false;
  }

  /** Ask, and follow what changes. */
  begin() {
    if (this._following.length) return;
    super.begin();
    void this._ask();
  }

  /** @param {AbortSignal} signal */
  async _answer(signal) {
    const members = new Map();
    for (const group of await this._api.all("/groups", {}, MOST, signal)) {
      members.set(group.name, keysOf(await this._api.all(`/groups/${group.name}/hosts`, {}, MOST, signal)));
    }
    if (signal.aborted) return;
    this.members = members;
    this.known = true;
  }
}
