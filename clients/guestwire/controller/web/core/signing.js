/** What takes the operator's signature: which texts there are, and signing them with the key of this browser. */

import { read } from "./mandate.js";
import { Problem } from "./problem.js";

/** @typedef {import("../types/api.js").components["schemas"]["ApprovalDetail"]} ApprovalDetail */
/** @typedef {{approval: ApprovalDetail, texts: import("./mandate.js").Text[]}} Asked */

export class Signing {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./keys.js").Keys} keys
   * @param {() => {id: string, name: string} | null} person who is signed in
   * @param {(id: string) => Promise<unknown>} show opens the dialog of an approval
   */
  constructor(api, keys, person, show) {
    this._api = api;
    this._person = person;
    this._show = show;
    this.keys = keys;
  }

  /**
   * Show what an approval allows, and have it signed; done when the dialog is closed, whatever came of it.
   * @param {string} id
   * @returns {Promise<void>}
   */
  async ofApproval(id) {
    await this._show(id);
  }

  /** Who signs. Raises Problem where nobody is signed in. */
  get person() {
    const person = this._person();
    if (!person) throw new Problem("UNAUTHENTICATED", "Nobody is signed in.");
    return person;
  }

  /**
   * An approval with its texts, read from the bytes to sign. Rejects with Problem: APPROVAL-FALSE where they are no
   * mandates.
   * @param {string} id
   * @returns {Promise<Asked>}
   */
  async asked(id) {
    const approval = await this._api.get(`/approvals/${id}`);
    return { approval, texts: approval.mandates.map((/** @type {{text: string}} */ one) => read(one.text)) };
  }

  /**
   * Sign exactly those texts. Rejects with Problem.
   * @param {Asked} asked as it was shown
   * @returns {Promise<ApprovalDetail>}
   */
  async sign({ approval, texts }) {
    const person = this.person;
    const key = await this.keys.of(person.id);
    if (!key) throw new Problem("KEY-NOT-YOURS", "This browser has no key of yours.");
    const signatures = [];
    for (const text of texts) signatures.push(await this.keys.sign(person.id, text.bytes));
    const body = { key_id: key.id, signatures };
    return (await this._api.send("POST", `/approvals/${approval.id}/signatures`, { body })).document;
  }

  /**
   * The keys that the controller knows as one's own, and this browser's among them.
   * @returns {Promise<{all: import("./keys.js").KeyShown[], own: import("./keys.js").KeyShown | null, lacks: string}>}
   */
  async standing() {
    const [{ items }, lacks] = await Promise.all([this._api.get("/keys"), this.keys.lacks()]);
    const enrolled = items.filter((/** @type {{revoked_at?: number | null}} */ one) => !one.revoked_at);
    const ids = enrolled.map((/** @type {{id: string}} */ one) => one.id);
    const kept = lacks ? null : await this.keys.among(this.person.id, ids);
    const own = kept && enrolled.find((/** @type {{id: string}} */ one) => one.id === kept.id);
    return { all: items, own: own ?? null, lacks };
  }
}
