/**
 * How a plan is to be carried out: confirmation, time, disks whose loss is agreed to, a word for the history. Then it
 * is ordered.
 */

import { html, nothing } from "lit";
import { checkField, selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";

/** @typedef {import("../../types/api.js").components["schemas"]["PlanShown"]} PlanShown */

/** Obstacles that this form removes. */
const ANSWERED = new Set(["CONFIRM-REQUIRED", "DESTROY-DISK"]);
/** @type {readonly [value: string, label: string][]} */
const CONFIRMS = [
  ["none", "No: it is done when it is done"], ["auto", "By the controller, once it reaches the host again"],
    ["manual", "By me, in time, on this page"],
];
const CONFIRM_S = 60;

export class ApplyForm extends Part {
  static properties = {
    ...Part.properties, host: {}, plan: { attribute: false }, busy: { type: Boolean }, _confirm: { state: true },
      _confirm_s: { state: true },
    _typed: { state: true }, _comment: { state: true }, _window: { state: true }, _from: { state: true },
  };

  constructor() {
    super();
    this.host = "";
    /** @type {PlanShown | null} */
    this.plan = null;
    this.busy = false;
    this._confirm = "";
    this._confirm_s = String(CONFIRM_S);
    /** What was typed for each disk that would be lost. @type {Record<string, string>} */
    this._typed = {};
    this._comment = "";
    this._window = "";
    this._from = "";
    this.follow("window");
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!changed.has("plan") || !this.plan) return;
    const before = /** @type {PlanShown | null} */ (changed.get("plan"));
    if (before?.plan.plan_id === this.plan.plan.plan_id) return;
    this._typed = {};
    this._confirm = this._needsConfirm ? "auto" : "none";
  }

  get _needsConfirm() {
    return Boolean(this.plan?.plan.confirm || this.plan?.obstacles?.some((one) => one.code === "CONFIRM-REQUIRED"));
  }

  /** Why it cannot be ordered yet; "": it can. */
  get _why() {
    const shown = this.plan;
    if (!shown) return "There is no plan.";
    if (!this.services.session.may("config-apply",
      this.host)) return "Your role does not allow this: it takes an engineer.";
    if (!(shown.plan.items ?? []).length) return "There is nothing to change.";
    if ((shown.obstacles ?? []).some((one) => !ANSWERED.has(one.code))) return "See what is in its way above.";
    if (this._needsConfirm
      && this._confirm === "none") return "It touches the way the host is managed: say who confirms it.";
    const untyped = (shown.plan.destructive ?? []).filter((path) => this._typed[path] !== path);
    if (untyped.length) return "Type the path of each disk that is lost.";
    const seconds = Number(this._confirm_s);
    if (this._confirm !== "none"
      && !(seconds >= 10 && seconds <= 3600)) return "The time to confirm is 10 to 3600 seconds.";
    return "";
  }

  render() {
    if (!this.plan) return nothing;
    const why = this._why;
    return html`<form class="panel stack" aria-label="Apply" @submit=${this._apply}>
      <h2>Apply</h2>
      ${this._disks()}
      <div class="grid">
        ${selectField({ id: "gw-apply-form-confirm", label: "Confirmed", value: this._confirm, options: CONFIRMS,
          onChange: (value) => { this._confirm = value; },
          hint: "Without a confirmation in time everything is undone: for changes that could cut the host off." })}
        ${this._confirm === "none" ? nothing
          : textField({ id: "gw-apply-form-seconds", label: "Undone after (seconds)", value: this._confirm_s,
            type: "number",
          onInput: (value) => { this._confirm_s = value; } })}
        ${textField({ id: "gw-apply-form-comment", label: "A word for the history", value: this._comment,
          onInput: (value) => { this._comment = value; } })}
      </div>
      <details><summary>When it may begin</summary><div class="grid">
        ${textField({ id: "gw-apply-form-from", label: "Not before", type: "datetime-local", value: this._from,
          onInput: (value) => { this._from = value; } })}
        ${selectField({ id: "gw-apply-form-window", label: "Only in the maintenance window", value: this._window,
          onChange: (value) => { this._window = value; },
          options: [["", "any time"],
            ...[...this.services.live.map("window").keys()].map((name) => /** @type {[string, string]} */ ([name,
              name]))] })}
      </div></details>
      <div class="row"><button class="button primary" ?disabled=${Boolean(why) || this.busy}>${this.busy ? "Ordering …"
        : this.plan.mandate ? "Apply and sign…" : "Apply"}</button>
        <span class="muted" role="status">${why}</span></div>
    </form>`;
  }

  _disks() {
    const lost = this.plan?.plan.destructive ?? [];
    if (!lost.length) return nothing;
    return html`<fieldset><legend><span aria-hidden="true">✕</span> The content of ${lost.length === 1 ? "a disk is"
      : "disks is"} lost</legend>
      <p>It does not come back, not by a rollback either. Type the path of each one to agree.</p>
      ${lost.map((path, n) => textField({ id: `gw-apply-form-disk-${n}`,
        label: html`Type <strong class="mono">${path}</strong>`, value: this._typed[path] ?? "",
        onInput: (value) => { this._typed = { ...this._typed, [path]: value }; } }))}</fieldset>`;
  }

  /** @param {Event} event */
  _apply(event) {
    event.preventDefault();
    if (this._why || !this.plan) return;
    const from = this._from ? new Date(this._from).getTime() : null;
    const body = {
      plan_id: this.plan.plan.plan_id, comment: this._comment.trim(), destroy: this.plan.plan.destructive ?? [],
      ...(this._confirm === "none" ? {} : { confirm: this._confirm, confirm_s: Number(this._confirm_s) }),
      ...(from ? { not_before: from } : {}), ...(this._window ? { window: this._window } : {}),
    };
    this.dispatchEvent(new CustomEvent("apply", { detail: body }));
  }
}
customElements.define("gw-apply-form", ApplyForm);

export class PlanOptions extends Part {
  static properties = { ...Part.properties, plan: { attribute: false }, busy: { type: Boolean } };

  constructor() {
    super();
    /** @type {PlanShown | null} */
    this.plan = null;
    this.busy = false;
  }

  render() {
    const options = this.plan?.options;
    const disks = disksOf(this.plan);
    const chosen = new Set(options?.remove_disks ?? []);
    return html`<fieldset class="sync-options" ?disabled=${this.busy}><legend>How it is planned</legend>
      ${checkField({ id: "gw-plan-options-restart", label: "Restart running guests where a change needs it",
        value: Boolean(options?.restart),
        hint: "Else such a change waits for the guest's next start.",
          onChange: (value) => this._again({ restart: value }) })}
      ${checkField({ id: "gw-plan-options-disabled", label: "Disabled guests must fit the machine too",
        value: Boolean(options?.include_disabled),
        onChange: (value) => this._again({ include_disabled: value }) })}
      ${disks.map((path, n) => checkField({ id: `gw-plan-options-disk-${n}`,
        label: html`Delete the disk image <span class="mono">${path}</span> too`,
        value: chosen.has(path),
          onChange: (value) => this._again({ remove_disks: value ? [...chosen, path]
            : [...chosen].filter((one) => one !== path) }) }))}
    </fieldset>`;
  }

  /** @param {object} change */
  _again(change) {
    this.dispatchEvent(new CustomEvent("plan", { detail: { ...this.plan?.options, ...change } }));
  }
}
customElements.define("gw-plan-options", PlanOptions);

/**
 * Images of disks that the plan takes from guests: they stay unless somebody says otherwise.
 * @param {PlanShown | null} shown
 * @returns {string[]}
 */
function disksOf(shown) {
  const found = new Set(shown?.options?.remove_disks ?? []);
  for (const item of shown?.plan.items ?? []) {
    if (!item.before || (item.op !== "delete" && item.op !== "detach")) continue;
    const value = JSON.parse(item.before);
    for (const disk of value?.disks ?? (item.field === "disks" ? [value].flat()
      : [])) if (disk?.path) found.add(disk.path);
  }
  return [...found];
}
