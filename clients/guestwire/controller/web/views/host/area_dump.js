/** What is in a memory area, as a hex dump, a page at a time. The address has where it begins: ?at=4096. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { bytes } from "../../core/format.js";
import { dumpLines } from "../../core/hex_dump.js";
import { Newest } from "../../core/newest.js";
import { cli } from "../../parts/cli.js";
import { Part } from "../../parts/part.js";

const PAGE = 512;
const AGAIN_MS = 2000;

export class AreaDump extends Part {
  static properties = {
    ...Part.properties, host: {}, area: {}, size: { type: Number }, _read: { state: true }, _problem: { state: true },
      _follows: { state: true },
  };

  constructor() {
    super();
    this.host = "";
    this.area = "";
    this.size = 0;
    /** @type {{offset: number, data: string, at: number} | null} */
    this._read = null;
    /** @type {import("../../core/problem.js").Problem | null} */
    this._problem = null;
    this._follows = false;
    this._newest = new Newest();
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGAIN_MS, (signal) => (this._follows ? this._ask(signal) : undefined));
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (changed.has("query") || changed.has("area")) void this._ask();
  }

  /** Where the page begins: within the area, at a line. */
  get offset() {
    const asked = Number(this.query.get("at") ?? 0);
    const last = Math.max(0, this.size - 1);
    return Number.isFinite(asked) && asked > 0 ? Math.floor(Math.min(asked, last) / 16) * 16 : 0;
  }

  /** @param {AbortSignal} [signal] */
  async _ask(signal) {
    const { offset } = this;
    const length = Math.max(1, Math.min(PAGE, this.size - offset));
    const counts = this._newest.ask();
    try {
      const read = await this.services.api.operation(this.host, "area-dump", { name: this.area, offset, length },
        signal);
      if (!counts()) return;
      this._read = read;
      this._problem = null;
    } catch (error) {
      if (!signal?.aborted && counts()) this._problem = /** @type {any} */ (error);
    }
  }

  render() {
    return html`<section class="panel stack" aria-labelledby="gw-area-dump"><div class="toolbar"><h2
      id="gw-area-dump">Content</h2><span class="fill"></span>
        ${this._turn("First", 0)}${this._turn("Back", this.offset - PAGE)}${this._turn("Next",
          this.offset + PAGE)}${this._turn("Last", Math.floor((this.size - 1) / PAGE) * PAGE)}
        <label class="form-check"><input type="checkbox" .checked=${this._follows}
          @change=${(/** @type {any} */ event) => { this._follows = event.target.checked; }}> Follow</label>
        <button type="button" class="button" @click=${() => this._ask()}>Read again</button></div>
      <form class="row" @submit=${this._jump}><label for="gw-area-dump-at">From byte</label>
        <input id="gw-area-dump-at" name="at" class="form-number" .value=${String(this.offset)} inputmode="numeric"
          autocomplete="off"><button class="button">Go</button>
        <span class="muted">of ${this.size} (${bytes(this.size)})</span></form>
      ${this._content()}
      ${cli(this.services, line`guestwire area dump ${this.host.split("/")[1]}/${this.area}`
        + (this.offset ? ` --offset ${this.offset}` : ""))}</section>`;
  }

  /**
   * @param {string} label
   * @param {number} offset
   */
  _turn(label, offset) {
    const can = offset !== this.offset && offset >= 0 && offset < this.size;
    return html`<button type="button" class="button" ?disabled=${!can}
      @click=${() => this.services.router.set({ at: offset || null })}>${label}</button>`;
  }

  /** @param {SubmitEvent} event */
  _jump(event) {
    event.preventDefault();
    const text = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("at")).trim();
    const at = /^0x[0-9a-f]+$/i.test(text) || /^\d+$/.test(text) ? Number(text) : NaN;
    if (Number.isNaN(at)) this.services.say.info("Allowed: a number such as 4096 or 0x1000.");
    else this.services.router.set({ at: Math.floor(at / 16) * 16 || null });
  }

  _content() {
    const problem = this._problem;
    if (problem) {
      return html`<p class="issue w">Warning: the content cannot be read: ${problem.message}${
        problem.code === "ACCESS-DENIED" ?
          " REMOTE, which is the cloud, needs R for that: give it an override in Config mode." : nothing}</p>`;
    }
    if (!this._read) return html`<p class="muted" role="status">Reading …</p>`;
    return html`<pre class="hex-dump mono" tabindex="0" role="region"
      aria-label=${`Bytes of ${this.area} from ${this._read.offset}`}>${
      dumpLines(this._read.data, this._read.offset).map((line) =>
        `${line.at}  ${line.hex.padEnd(48)}  |${line.text}|\n`)}</pre>`;
  }
}

customElements.define("gw-area-dump", AreaDump);
