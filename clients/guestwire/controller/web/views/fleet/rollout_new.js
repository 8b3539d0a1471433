/** A new rollout: filled in, looked at beforehand, then begun or kept as a draft. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import { cli } from "../../parts/cli.js";
import { counted } from "../../core/format.js";
import { Problem } from "../../core/problem.js";
import { rolloutFields } from "./rollout_fields.js";
import { fieldOf, formOf, rolloutCli, specOf } from "./rollout_form.js";
import { previewPanel } from "./rollout_preview.js";

/** @typedef {import("../../types/api.js").components["schemas"]["Preview"]} Preview */

const DISRUPTIVE = 2;

export class RolloutNew extends Part {
  static properties = {
    ...Part.properties, _operations: { state: true }, _preview: { state: true }, _problem: { state: true }, _tried: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    /** @type {{name: string, summary: string, risk: number}[]} */
    this._operations = [];
    /** A preview, and the form that it is of. @type {{of: string, preview: Preview} | null} */
    this._preview = null;
    /** What the controller found wrong with a form. @type {{of: string, problem: Problem} | null} */
    this._problem = null;
    this._tried = false;
    this._busy = false;
    this.follow("group", "window", "project");
  }

  connectedCallback() {
    super.connectedCallback();
    this._read().catch((error) => this.services.say.problem(error));
  }

  async _read() {
    const { items } = await this.services.api.get("/operations");
    this._operations = items.filter((/** @type {any} */ one) => one.effect !== "none");
  }

  render() {
    const { live, router } = this.services;
    const form = formOf(this.query);
    const said = JSON.stringify(form);
    const { wrong } = specOf(form);
    const problem = this._problem?.of === said ? this._problem.problem : null;
    const byName = (/** @type {string} */ kind) => [...live.map(kind).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return html`<form class="stack" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void this._look(); }}>
      <h1>New rollout</h1>
      <p class="muted">One thing on many hosts, in waves: it stops by itself when too much fails. Nothing begins before you have
        seen the preview.</p>
      ${rolloutFields({
        form, query: this.query, wrong: { ...(this._tried ? wrong : {}), ...problemFields(problem) },
        set: (words) => router.set(words), operations: this._operations, projects: byName("project"), groups: byName("group"),
        windows: byName("window"),
      })}
      <div aria-live="polite" class="stack">
        ${problem ? html`<p class="issue e">✕ ${problem.message}</p>` : nothing}
        ${this._tried ? toMend(Object.values(wrong)) : nothing}
        ${this._previewed(said)}
      </div>
      ${this._buttons(said)}
      ${cli(this.services, rolloutCli(form))}
    </form>`;
  }

  /** @param {string} said */
  _previewed(said) {
    if (!this._preview) return nothing;
    if (this._preview.of !== said) return html`<p class="issue w">▲ The form is another one than that of the preview: look again.</p>`;
    return previewPanel(this._preview.preview, Date.now());
  }

  /** @param {string} said */
  _buttons(said) {
    const seen = this._preview?.of === said;
    const none = seen && this._preview?.preview.hosts === 0;
    const may = this.services.session.may("rollout-start");
    return html`<div class="row">
      <button type="submit" class="button ${seen ? "" : "primary"}" ?disabled=${this._busy}>Preview</button>
      <button type="button" class="button ${seen ? "primary" : ""}" ?disabled=${!seen || none || this._busy || !may}
        @click=${() => this._make(true)}>Start the rollout</button>
      <button type="button" class="button" ?disabled=${!seen || this._busy || !may} @click=${() => this._make(false)}>Keep as a draft</button>
      ${may ? nothing : html`<span class="muted">Your role does not allow you to start rollouts.</span>`}
    </div>`;
  }

  async _look() {
    this._tried = true;
    const form = formOf(this.query);
    const { spec, wrong } = specOf(form);
    if (Object.keys(wrong).length) return;
    await this._asking(JSON.stringify(form), async (of) => {
      const { document } = await this.services.api.send("POST", "/rollouts/preview", { body: spec });
      this._preview = { of, preview: document };
      await this.updateComplete;
      this.querySelector("#gw-rollout-preview")?.scrollIntoView({ block: "nearest" });
    });
  }

  /** @param {boolean} start */
  async _make(start) {
    const form = formOf(this.query);
    const { spec } = specOf(form);
    const preview = /** @type {{preview: Preview}} */ (this._preview).preview;
    if (start && (preview.risk === null || preview.risk >= DISRUPTIVE)) {
      const text = `It reaches ${counted(preview.hosts, "host")}, and what it does there may interrupt guests.`;
      const name = String(form.name.trim());
      if (!await this.services.dialogs.confirmName({ title: "Start this rollout?", text, name, action: "Start the rollout" })) return;
    }
    await this._asking(JSON.stringify(form), async () => {
      const { document } = await this.services.api.send("POST", "/rollouts", { body: spec, query: { start } });
      this.services.say.done(start ? "The rollout has begun." : "The rollout is kept as a draft.");
      this.services.router.go(`/rollouts/${document.id}`);
    });
  }

  /**
   * @param {string} of the form
   * @param {(of: string) => Promise<void>} work
   */
  async _asking(of, work) {
    this._busy = true;
    this._problem = null;
    try {
      await work(of);
    } catch (error) {
      if (error instanceof Problem) this._problem = { of, problem: error };
      else this.services.say.problem(error);
    }
    this._busy = false;
  }
}

/** @param {string[]} wrong */
function toMend(wrong) {
  return wrong.length ? html`<p class="issue e">✕ ${counted(wrong.length, "field has", "fields have")} to be mended first: ${wrong.join(" ")}</p>`
    : nothing;
}

/**
 * What the controller said, by the field that it is about.
 * @param {Problem | null} problem
 * @returns {Record<string, string>}
 */
function problemFields(problem) {
  /** @type {Record<string, string>} */
  const found = {};
  const whole = problem?.field ? [{ field: problem.field, message: problem.message }] : [];
  for (const { field, message } of [...(problem?.errors ?? []), ...whole]) {
    const id = fieldOf(field);
    if (id) found[id] ??= message;
  }
  return found;
}

customElements.define("gw-rollout-new", RolloutNew);
