/** Who else is at a draft: tells the controller now and then where one is, and asks who is there. */

const TELL_MS = 60_000;

/** @typedef {{name: string, revision: number, at: number}} Editor */

/** One person at one draft, as long as the page shows it. */
export class Presence {
  /**
   * @param {import("../../core/api.js").Api} api
   * @param {string} host "site/host"
   */
  constructor(api, host) {
    this._api = api;
    this._host = host;
    this._said = "";
    this._at = 0;
  }

  /**
   * Tell where one is, when that is news or was told long ago.
   * @param {number} revision
   * @param {string} path of the page
   * @param {AbortSignal} [signal]
   */
  async tell(revision, path, signal) {
    const said = `${revision} ${path}`;
    if (!revision || (said === this._said && Date.now() - this._at < TELL_MS)) return;
    this._said = said;
    this._at = Date.now();
    await this._api.send("PUT", `/drafts/${this._host}/session`, { body: { revision, view: { path } }, signal });
  }

  /**
   * Who else is there.
   * @param {AbortSignal} [signal]
   * @returns {Promise<Editor[]>}
   */
  async others(signal) {
    return (await this._api.get(`/drafts/${this._host}`, {}, signal)).editors;
  }
}
