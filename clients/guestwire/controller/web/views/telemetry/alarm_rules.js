/** Alarm rules: when an alarm is raised. Those that came with the controller, and those that people made. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { ago, counted, duration, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { severity } from "../../parts/status.js";
import "../../parts/table.js";
import { trouble } from "../../parts/trouble.js";
import "./rule_form.js";
import { triggerText } from "./rule_triggers.js";

/** @typedef {import("./rule_form.js").RuleShown} RuleShown */

/** The rules that a controller comes with: the same names as its shipped_rules.py has. */
const SHIPPED = new Set([
  "host-offline", "host-flapping", "connection-lost", "host-alarm", "guest-crashed", "disk-full", "memory-short", "clock-unsynchronised",
  "telemetry",
]);

export class AlarmRules extends Part {
  static properties = { ...Part.properties, _metrics: { state: true } };

  constructor() {
    super();
    /** @type {readonly string[]} */
    this._metrics = [];
    this.list = new Loading(this, () => this.services.live.need("rule"));
    this.follow("rule", "alarm");
  }

  connectedCallback() {
    super.connectedCallback();
    void this.services.api.all("/metrics").then((found) => { this._metrics = found.map((one) => one.name); },
      () => null);
  }

  render() {
    const { router, live, session } = this.services;
    const rules = [...live.map("rule").values()];
    const chosen = this.query.get("rule") ?? "";
    const rule = rules.find((one) => one.name === chosen) ?? null;
    const making = this.query.get("new") === "1";
    return html`<div class="alarms stack">
      <h1>Alarm rules</h1>
      <div class="toolbar">
        <span aria-live="polite">${counted(rules.length, "rule")}</span>
        <button type="button" class="button primary" ?disabled=${!session.may("rule-set")}
          @click=${() => router.set({ new: "1", rule: null })}>New rule</button>
      </div>
      ${trouble(this.list.error, () => void this.list.again())}
      ${chosen && !rule && rules.length ? html`<p class="issue w" role="status"><span
        aria-hidden="true">▲</span> There is no rule ${chosen} any more.</p>` : nothing}
      ${making || rule ? html`<gw-rule-form .services=${this.services} .rule=${making ? null : rule}
        .metrics=${this._metrics}
        @remove-rule=${(/** @type {CustomEvent} */ event) => this._removed(event.detail)}></gw-rule-form>` : nothing}
      <gw-table .services=${this.services} .columns=${this._columns()} .rows=${rules}
        .key=${(/** @type {RuleShown} */ one) => one.name}
        sort="name" caption="Alarm rules" .row_href=${(/** @type {RuleShown} */ one) => router.href("/alarms/rules",
          { rule: one.name })}
        .empty=${live.listed("rule") ? empty({
          title: "There are no alarm rules", text: "Without a rule no alarm is ever raised. Make one with the button above.",
          cli: cli(this.services, "guestwire alarm rule put NAME FILE"),
        }) : html`<p class="muted">${this.list.error ? "Nothing could be read." : "Reading…"}</p>`}></gw-table>
      ${rules.length ? cli(this.services, rule ? line`guestwire alarm rule show ${rule.name}`
        : "guestwire alarm rule list") : nothing}
    </div>`;
  }

  /** @returns {import("../../parts/table.js").Column[]} */
  _columns() {
    const { live, router } = this.services;
    /** @type {Map<string, number>} */
    const open = new Map();
    for (const alarm of live.map("alarm").values()) if (alarm.state !== "cleared") open.set(alarm.rule, (open.get(alarm.rule) ?? 0) + 1);
    return [
      { id: "name", label: "Rule", value: (one) => one.name },
      { id: "severity", label: "Severity", value: (one) => one.rule.severity,
        cell: (one) => severity(one.rule.severity) },
      { id: "trigger", label: "Looks at", value: (one) => triggerText(one.rule.trigger), cell: (one) => html`<span
        class="rule-trigger">${triggerText(one.rule.trigger)}</span>` },
      { id: "after", label: "After", end: true, value: (one) => one.rule.for_s,
        cell: (one) => (one.rule.for_s ? duration(one.rule.for_s * 1000) : "at once") },
      { id: "hosts", label: "Hosts", value: (one) => one.rule.hosts || "every host" },
      { id: "open", label: "Open", end: true, value: (one) => open.get(one.name) ?? 0,
        cell: (one) => (open.get(one.name)
        ? html`<a href=${router.href("/alarms", { rule: one.name })}>${open.get(one.name)}</a>` : "0") },
      { id: "from", label: "From", value: (one) => `${SHIPPED.has(one.name)} ${one.changed_by}`, cell: origin },
      { id: "enabled", label: "Enabled", value: (one) => one.rule.enabled, cell: (one) => this._switch(one) },
    ];
  }

  /** @param {RuleShown} one */
  _switch(one) {
    return html`<button type="button" class="button quiet" role="switch" aria-checked=${one.rule.enabled ? "true"
      : "false"}
      aria-label="Rule ${one.name}" ?disabled=${!this.services.session.may("rule-set")}
        @click=${() => this._enable(one)}>
      <span aria-hidden="true">${one.rule.enabled ? "●" : "○"}</span> ${one.rule.enabled ? "on" : "off"}</button>`;
  }

  /** @param {RuleShown} one */
  async _enable(one) {
    const { api, say } = this.services;
    const enabled = !one.rule.enabled;
    try {
      await api.send("PUT", `/alarm-rules/${one.name}`, { body: { ...one.rule, enabled }, ifMatch: one.revision });
      say.done(`The rule ${one.name} is ${enabled ? "on" : "off"}.`);
    } catch (error) {
      say.problem(error);
    }
  }

  /** @param {RuleShown} one */
  async _removed(one) {
    const { api, dialogs, say, router } = this.services;
    const text = "Its open alarms are over then. A rule that came with the controller does not come back by itself.";
    if (!(await dialogs.confirmName({ title: "Remove an alarm rule", text, name: one.name, action: "Remove" }))) return;
    try {
      await api.send("DELETE", `/alarm-rules/${one.name}`, { ifMatch: one.revision });
      say.done(`The rule ${one.name} is removed.`);
      if (this.query.get("rule") === one.name) router.set({ rule: null });
    } catch (error) {
      say.problem(error);
    }
  }
}

/** @param {RuleShown} one */
function origin(one) {
  const by = one.changed_by ? html`<span title=${time(one.changed_at)}>${one.changed_by}, ${ago(one.changed_at, Date.now())}</span>` : nothing;
  return SHIPPED.has(one.name) ? html`<span class="chip">shipped</span> ${one.changed_by ? html`changed by ${by}`
    : nothing}` : by;
}

customElements.define("gw-alarm-rules", AlarmRules);
