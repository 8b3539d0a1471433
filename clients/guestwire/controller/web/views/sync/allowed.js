/**
 * What the texts of an approval allow, in words, read from the very bytes to sign: hosts, operations, parameters, who,
 * until when.
 */

import { html, nothing } from "lit";
import { time } from "../../core/format.js";
import { meaning } from "../../core/mandate.js";
import { itemLine, riskWords } from "../../core/plan.js";
import { Part } from "../../parts/part.js";
import { changeLine, withGroup } from "./lines.js";

/** @typedef {import("../../core/mandate.js").Allowed} Allowed */

export class AllowedTexts extends Part {
  static properties = {
    ...Part.properties, asked: { attribute: false }, _operations: { state: true }, _requests: { state: true },
      _plans: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../../core/signing.js").Asked | null} */
    this.asked = null;
    /** What operations do, by name. @type {Map<string, string>} */
    this._operations = new Map();
    /** What fingerprints of requests stand for. @type {Map<string, string>} */
    this._requests = new Map();
    /** @type {Map<string, import("../../core/plan.js").Plan | null>} */
    this._plans = new Map();
  }

  connectedCallback() {
    super.connectedCallback();
    void this._readOperations();
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("asked") && this.asked) for (const text of this.asked.texts) void this._explain(text.allows);
  }

  async _readOperations() {
    const { items } = await this.services.api.get("/operations").catch(() => ({ items: [] }));
    this._operations = new Map(items.map((/** @type {any} */ one) => [one.name, one.summary]));
  }

  /** @param {Allowed} allows */
  async _explain(allows) {
    await Promise.all([...allows.bodies.map((one) => this._request(allows, one)),
      ...allows.plans.map((one) => this._plan(allows, one))]);
  }

  /**
   * @param {Allowed} allows
   * @param {string} fingerprint
   */
  async _request(allows, fingerprint) {
    const [operation] = allows.operations;
    const several = await Promise.all(allows.hosts.map((host) => this._guests(`${allows.site}/${host}`)));
    const says = allows.operations.length === 1 ? await meaning(operation, fingerprint, several.flat()) : "";
    this._requests = new Map(this._requests).set(fingerprint, says);
  }

  /** @param {string} host */
  async _guests(host) {
    const detail = await this.services.api.get(`/hosts/${host}`).catch(() => null);
    return /** @type {string[]} */ ((detail?.guest_list ?? []).flatMap((/** @type {any} */ one) => [one.name, one.id]));
  }

  /**
   * @param {Allowed} allows
   * @param {string} plan_id
   */
  async _plan(allows, plan_id) {
    for (const host of allows.hosts) {
      const found = await this.services.api.get(`/drafts/${allows.site}/${host}/plan`, { plan_id }).catch(() => null);
      if (found) {
        this._plans = new Map(this._plans).set(plan_id, found.plan);
        return;
      }
    }
    this._plans = new Map(this._plans).set(plan_id, null);
  }

  render() {
    if (!this.asked) return nothing;
    const { approval, texts } = this.asked;
    return html`
      <dl class="kv">
        <dt>Asked by</dt><dd>${approval.person}${approval.note ? html`, who says: “${approval.note}”` : nothing}</dd>
        <dt>Until</dt><dd>${time(approval.expires_at)}</dd>
      </dl>
      ${texts.map((text, n) => this._text(text.allows, n))}`;
  }

  /**
   * @param {Allowed} allows
   * @param {number} n
   */
  _text(allows, n) {
    const many = (this.asked?.texts.length ?? 0) > 1;
    return html`<section class="sync-text">
      ${many ? html`<h3>Text ${n + 1}</h3>` : nothing}
      <ul class="sync-operations">${allows.operations.map((name) => html`<li><strong>${name}</strong>
        <span class="muted">${this._operations.get(name) ?? ""}</span></li>`)}</ul>
      <dl class="kv">
        <dt>${allows.hosts.length === 1 ? "Host" : "Hosts"}</dt><dd
          class="mono">${allows.hosts.map((host) => `${allows.site}/${host}`).join(", ")}</dd>
        <dt>What exactly</dt><dd>${this._exactly(allows)}</dd>
        <dt>Risk</dt><dd>up to ${riskWords(allows.risk)}</dd>
        <dt>Used by</dt><dd class="mono">${allows.holder}</dd>
        <dt>How often</dt><dd>${allows.uses === 1 ? "once" : `${allows.uses} times`} on each host</dd>
        <dt>Between</dt><dd>${time(allows.not_before)} and ${time(allows.not_after)}</dd>
        ${allows.note ? html`<dt>Note in it</dt><dd>${allows.note}</dd>` : nothing}
      </dl>
      <details><summary>The text by its parts</summary><pre
        class="sync-bytes">${JSON.stringify(allows, null, 2)}</pre></details>
    </section>`;
  }

  /** @param {Allowed} allows */
  _exactly(allows) {
    if (!allows.plans.length && !allows.bodies.length) {
      return html`<strong><span aria-hidden="true">▲</span> Any request of these operations: it names none.</strong>`;
    }
    return [...allows.bodies.map((one) => this._requestWords(one)), ...allows.plans.map((one) => this._planWords(one))];
  }

  /** @param {string} fingerprint */
  _requestWords(fingerprint) {
    const says = this._requests.get(fingerprint);
    if (says === undefined) return html`<p aria-busy="true">Looking what the request is …</p>`;
    if (says) return html`<p><strong>${says}</strong> <span
      class="muted">(found by its fingerprint ${fingerprint.slice(0, 16)})</span></p>`;
    return html`<p><span aria-hidden="true">▲</span> One request that only its fingerprint is known of here:
      <span class="mono">${fingerprint}</span>. Ask ${this.asked?.approval.person} what it is before you sign.</p>`;
  }

  /** @param {string} plan_id */
  _planWords(plan_id) {
    const plan = this._plans.get(plan_id);
    if (plan === undefined) return html`<p aria-busy="true">Reading the plan …</p>`;
    if (plan === null) return html`<p><span aria-hidden="true">▲</span> Plan <span
      class="mono">${plan_id}</span>, which is not kept here any more.</p>`;
    const items = plan.items ?? [];
    return html`<p>Plan <span class="mono">${plan_id.slice(0, 12)}</span>, ${items.length} changes:</p>
      <ul class="sync-lines">${items.map((item) => changeLine(withGroup(itemLine(item))))}</ul>`;
  }
}
customElements.define("gw-allowed-texts", AllowedTexts);
