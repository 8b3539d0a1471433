/**
 * <gw-rule-form>: an alarm rule as a form, new or to be changed. It sends it; to remove it is asked for (event "remove-rule" with the
 * rule), for which rules there are is `alarm_rules`' matter.
 */

import { html, nothing } from "lit";
import { checkField, selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { fieldTrouble, trouble } from "../../parts/trouble.js";
import { SEVERITIES } from "./alarm_list.js";
import { KINDS } from "./rule_triggers.js";

/** @typedef {{name: string, rule: any, revision: number, changed_at: number, changed_by: string}} RuleShown */

const NEW = { trigger: KINDS.metric.fresh(), severity: "warning", hosts: "", for_s: 0, clear_after_s: null,
  summary: "{host}: {text}", enabled: true };
/** Since a summary of a metric has no {text}. */
const METRIC_SUMMARY = "{host}: the value is {value}";
const FIELDS = ["trigger.metric", "trigger.presence", "trigger.notice", "trigger.trouble", "selector", "name", "hosts", "for_s", "clear_after_s", "summary"];

export class RuleForm extends Part {
  static properties = {
    ...Part.properties, rule: { attribute: false }, metrics: { attribute: false },
    _body: { state: true }, _name: { state: true }, _error: { state: true }, _busy: { state: true },
  };

  constructor() {
    super();
    /** The rule that is changed; null: a new one. @type {RuleShown | null} */
    this.rule = null;
    /** Names of metrics, to choose from. @type {readonly string[]} */
    this.metrics = [];
    this._name = "";
    /** @type {any} */
    this._body = null;
    /** @type {unknown} */
    this._error = null;
    this._busy = false;
    this._of = "";
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    super.willUpdate(changed);
    const of = this.rule?.name ?? "";
    if (this._body && of === this._of) return;
    this._of = of;
    this._name = of;
    this._body = structuredClone(this.rule?.rule ?? { ...NEW, summary: METRIC_SUMMARY });
    this._error = null;
  }

  render() {
    const body = this._body;
    const kind = KINDS[body.trigger.on];
    const wrong = (/** @type {string} */ field) => fieldTrouble(this._error, field);
    const put = (/** @type {any} */ change) => { this._body = { ...this._body, ...change }; };
    return html`
      <form class="panel stack rule-form" aria-labelledby="gw-rule-title" @submit=${this._save}>
        <h2 id="gw-rule-title" tabindex="-1">${this.rule ? `Rule ${this.rule.name}` : "New rule"}</h2>
        ${this._error && !FIELDS.some((field) => wrong(field)) ? trouble(this._error) : nothing}
        ${this.rule ? nothing : textField({ id: "gw-rule-name", label: "Name", value: this._name, required: true,
          pattern: "[a-z0-9\\-]{1,64}",
          hint: "Small letters, digits and hyphens.",
            error: wrong("name"), onInput: (name) => { this._name = name; } })}
        ${selectField({ id: "gw-rule-kind", label: "Looks at", value: body.trigger.on, hint: kind.hint,
          options: Object.entries(KINDS).map(([id, { label }]) => /** @type {[string, string]} */ ([id, label])),
          onChange: (on) => put({ trigger: this.rule?.rule.trigger.on === on ? this.rule.rule.trigger : KINDS[on].fresh(),
            summary: [NEW.summary, METRIC_SUMMARY].includes(body.summary) ? (on === "metric" ? METRIC_SUMMARY : NEW.summary) : body.summary }) })}
        ${kind.fields(body.trigger, { put: (change) => put({ trigger: { ...this._body.trigger, ...change } }),
          trouble: wrong })}
        ${this._common(body, kind, put, wrong)}
        <div class="toolbar">
          <button class="button primary" ?disabled=${this._busy || !this.services.session.may("rule-set")}>${this.rule ? "Save rule" : "Make rule"}</button>
          <button type="button" class="button" @click=${() => this._leave()}>Cancel</button>
          ${this.rule ? html`<span class="fill"></span><button type="button" class="button danger"
            ?disabled=${!this.services.session.may("rule-set")}
            @click=${() => this.dispatchEvent(new CustomEvent("remove-rule",
              { detail: this.rule }))}>Remove rule…</button>` : nothing}
        </div>
      </form>
      <datalist id="gw-rule-metrics">${this.metrics.map((name) => html`<option value=${name}></option>`)}</datalist>`;
  }

  /**
   * @param {any} body
   * @param {import("./rule_triggers.js").Kind} kind
   * @param {(change: any) => void} put
   * @param {(field: string) => string} wrong
   */
  _common(body, kind, put, wrong) {
    return html`
      ${textField({ id: "gw-rule-hosts", label: "Hosts", value: body.hosts, error: wrong("hosts"),
        hint: "A selection, as site=plant or group=rt; empty: every host.", onInput: (hosts) => put({ hosts }) })}
      <div class="row">
        ${selectField({ id: "gw-rule-severity", label: "Severity", value: body.severity,
          options: SEVERITIES, onChange: (severity) => put({ severity }) })}
        ${kind.lasting ? textField({ id: "gw-rule-for", label: "After seconds", type: "number", value: body.for_s,
          error: wrong("for_s"),
          hint: "How long it holds before it is told.", onInput: (value) => put({ for_s: Number(value) }) }) : textField({
          id: "gw-rule-clear-after", label: "Over after seconds", type: "number", value: body.clear_after_s,
            error: wrong("clear_after_s"),
          hint: "Empty: when somebody clears it.", onInput: (value) => put({ clear_after_s: value === "" ? null : Number(value) }) })}
      </div>
      ${textField({ id: "gw-rule-summary", label: "Says", value: body.summary, required: true, error: wrong("summary"),
        hint: "With {host}, {value}, {text}, and labels of the series, as {guest}.", onInput: (summary) => put({ summary }) })}
      ${checkField({ id: "gw-rule-enabled", label: "Enabled",
        value: body.enabled, onChange: (enabled) => put({ enabled }) })}`;
  }

  /** @param {Event} event */
  async _save(event) {
    event.preventDefault();
    const { api, say } = this.services;
    this._busy = true;
    this._error = null;
    try {
      if (this.rule) await api.send("PUT", `/alarm-rules/${this.rule.name}`,
        { body: this._body, ifMatch: this.rule.revision });
      else await api.send("POST", "/alarm-rules", { body: { ...this._body, name: this._name.trim() } });
      say.done(`The rule ${this._name} is ${this.rule ? "saved" : "made"}.`);
      this._leave();
    } catch (error) {
      this._error = error;
    } finally {
      this._busy = false;
    }
  }

  _leave() {
    this.services.router.set({ rule: null, new: null });
  }
}

customElements.define("gw-rule-form", RuleForm);
