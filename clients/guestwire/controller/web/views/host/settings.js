/** The settings and the policy of a host, and how much its agent says. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { cli } from "../../parts/cli.js";
import { away, onlyGuests } from "./away.js";
import { draftForm } from "./draft_form.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";

const LEVELS = ["debug", "info", "warning", "error", "off"];
/** @type {[string, string][]} seconds */
const HOURS = [["900", "15 minutes"], ["3600", "an hour"], ["86400", "a day"], ["0", "until the agent restarts"]];

export class HostSettings extends HostPart {
  static properties = { ...HostPart.properties, _schema: { state: true }, _level: { state: true } };

  constructor() {
    super();
    /** @type {any} */
    this._schema = null;
    this._level = { level: "debug", ttl: "3600" };
  }

  connectedCallback() {
    super.connectedCallback();
    void this.services.schema().then((schema) => { this._schema = schema; });
  }

  render() {
    const desired = this.desired;
    if (!desired) return this.waiting();
    if (onlyGuests(this.draft)) return html`<div class="stack">${away("Settings and policy are")}${this._log()}</div>`;
    const common = { schema: this._schema, draft: this.draft, editable: this.editable, compare: this.config };
    const issues = this.config ? this.draft.issues.filter((issue) => /^(settings|policy)(\.|$)/.test(issue.path)) : [];
    return html`<div class="stack">
      ${issueList(issues, "What the rules say of the settings")}
      <section class="panel"><h2>Settings of the host</h2>
        <p class="muted">What is left empty is not ours: the host keeps it as it is.</p>
        ${draftForm({ ...common, model: "HostSettings", at: ["settings"], value: desired.settings })}</section>
      <section class="panel"><h2>Policy</h2>
        <p class="muted">The profile decides which rules hold: kvm-rt, where an rt guest owns its cores, or system-manager, where its
          CPU set carries vCPUs only.</p>
        ${draftForm({ ...common, model: "Policy", at: ["policy"], value: desired.policy })}</section>
      ${this._log()}
    </div>`;
  }

  _log() {
    const why = this.services.session.may("log-level", this.host) ? "" : "Your role does not allow this.";
    const { level, ttl } = this._level;
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.services.jobs.order({ operation: "log-level", hosts: [this.host], body: { level, ttl_s: Number(ttl) } });
    };
    const take = (/** @type {"level" | "ttl"} */ name) => (/** @type {any} */ event) => {
      this._level = { ...this._level, [name]: event.target.value };
    };
    const options = (/** @type {readonly (string | [string, string])[]} */ list, /** @type {string} */ chosen) => list.map((one) => {
      const [value, word] = typeof one === "string" ? [one, one] : one;
      return html`<option value=${value} .selected=${live(value === chosen)}>${word}</option>`;
    });
    return html`<section class="panel"><h2>Messages of the agent</h2>
      <p class="muted">How much the agent says, for a while; then its own configuration holds again. This is done at once, without Sync.</p>
      <form class="toolbar" @submit=${submit}>
        <label>Level <select @change=${take("level")}>${options(LEVELS, level)}</select></label>
        <label>For <select @change=${take("ttl")}>${options(HOURS, ttl)}</select></label>
        <button class="button" ?disabled=${why !== ""} title=${why || nothing}>Set level</button></form>
      ${cli(this.services, `guestwire host log-level ${this.params.host} ${level} --for ${ttl}`)}</section>`;
  }
}
customElements.define("gw-host-settings", HostSettings);
