/** Lines of the log of a host's agent: by level, time and text, and as a file. */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { LEVELS, levelIn } from "./notice_words.js";

/** @typedef {import("../../types/api.js").components["schemas"]["LogLines"]} Lines */

const MOST_IN_FILE = 2000;

/** Since when. @type {[string, string][]} */
const TIMES = [["", "any time"], ["600", "the last 10 minutes"], ["3600", "the last hour"], ["86400", "the last day"]];

export class LogLinesView extends Part {
  static properties = { ...Part.properties, host: { attribute: false } };

  constructor() {
    super();
    /** "site/host" */
    this.host = "";
    /** @type {Loading<Lines>} */
    this.lines = new Loading(this, (signal) => this.services.api.get(`/hosts/${this.host}/log`, { ...this._asked(),
      lines: 500 }, signal));
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    const before = /** @type {URLSearchParams | undefined} */ (changed.get("query"));
    if (before && ["level", "since", "match"].some((name) =>
      before.get(name) !== this.query.get(name))) void this.lines.again();
  }

  _asked() {
    const level = this.query.get("level") ?? "";
    const since = Number(this.query.get("since") ?? 0);
    return {
      level: levelIn(level, "debug"), match: this.query.get("match"), since: since
        ? Date.now() - since * 1000 : null,
    };
  }

  render() {
    const { api, router } = this.services;
    const lines = this.lines.document?.lines ?? [];
    const asked = this._asked();
    return html`<div class="stack">
      <div class="toolbar gw-filters">
        ${selectField({ id: "gw-log-level", label: "Level", value: asked.level, options: LEVELS.map((one) =>
          [one, one === "error" ? "error" : `${one} and above`]), onChange: (value) => router.set({ level: value }) })}
        ${selectField({ id: "gw-log-since", label: "From", value: this.query.get("since") ?? "", options: TIMES,
          onChange: (value) => router.set({ since: value || null }) })}
        ${textField({ id: "gw-log-match", label: "Lines with", type: "search", value: asked.match ?? "",
          onInput: (value) => router.set({ match: value || null }) })}
        <button type="button" class="button" ?disabled=${this.lines.busy} @click=${() => void this.lines.again()}>Read
          again</button>
        <a class="button" download href=${api.address(`/hosts/${this.host}/log`, { ...asked, lines: MOST_IN_FILE,
          format: "file" })}>Download</a>
        <span class="muted" role="status">${counted(lines.length, "line")}${this.lines.document?.truncated
          ? ", older ones are left out" : ""}</span>
      </div>
      ${trouble(this.lines.error, () => void this.lines.again())}
      ${lines.length ? html`<pre class="gw-file" tabindex="0"
        aria-label="Log lines, the newest last">${lines.join("\n")}</pre>`
        : this.lines.busy ? html`<p class="muted">Asking the host …</p>` : this.lines.error ? nothing : empty({
          title: "No lines", text: "The log has nothing like that. Choose a lower level or a longer time.",
          cli: cli(this.services, `guestwire log ${this.host.split("/")[1]} --level ${asked.level}`),
        })}
    </div>`;
  }
}

customElements.define("gw-log-lines", LogLinesView);
