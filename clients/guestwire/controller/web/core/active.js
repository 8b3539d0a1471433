/** What a host has now, as it says itself; of a host that is away: the guests of its inventory. */

import { Newest } from "./newest.js";

export class Active {
  /**
   * @param {string} host
   * @param {import("./api.js").Api} api
   */
  constructor(host, api) {
    this._host = host;
    this._api = api;
    /** @type {any} null: not known */
    this.document = null;
    /** -1: the host did not say. */
    this.revision = -1;
    this._newest = new Newest();
  }

  /** Read it anew. Rejects with Problem where nothing is known at all. */
  async read() {
    const counts = this._newest.ask();
    try {
      const reply = await this._api.operation(this._host, "config-show");
      if (!counts()) return;
      this.document = reply.desired;
      this.revision = reply.revision.number;
    } catch (error) {
      if (this.document) return; // what it had when it was last read
      const inventory = await this._api.get(`/hosts/${this._host}/inventory`).catch(() => null);
      const guests = inventory?.document?.guests;
      if (!guests) throw error;
      this.document ??= { guests: guests.map((/** @type {any} */ one) => one.guest), areas: [], events: [], networks: [] };
    }
  }
}
