/**
 * <gw-console-screen .services .host .guest>: what a guest has written on its serial console, read-only. It asks for
 * what is new while
 * it is on the page and the page is seen; where something was lost or the guest was started anew it says so.
 * Each question is one that hosts and the controller write down: who may not ask does not, and a refusal is the last
 * word.
 */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { fromHex } from "../../core/hex.js";
import { part } from "../../core/part_loading.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import { followTheme } from "../../parts/theme_watch.js";

const AGAIN_MS = 1500;
const MOST_BYTES = 64 << 10;
const TEXT_LINES = 200;
const STYLES = "xterm-styles";
/** Asking again would bring the same. */
const REFUSALS = new Set(["DENIED", "UNSUPPORTED", "UNIMPLEMENTED"]);

/** @typedef {"open" | "busy" | "off" | "closed"} State */
/**
 * @typedef {{data: string, start: number, end: number, lost: boolean, state: State, as_of: number, run: number |
 * null}} Piece
 */

/** What is to be said of a console. @type {Partial<Record<State, string>>} */
const STATES = {
  busy: "The console is open elsewhere: what the guest writes meanwhile is not kept.",
  off: "The guest does not run: this is what it wrote last.",
  closed: "The agent does not read this console at the moment.",
};

export class ConsoleScreen extends Part {
  static properties = {
    ...Part.properties, host: {}, guest: {}, _problem: { state: true }, _found: { state: true }, _as_text:
      { state: true }, _bytes: { state: true },
    _lost: { state: true }, _state: { state: true },
  };

  constructor() {
    super();
    this.host = "";
    this.guest = "";
    /** @type {import("../../core/problem.js").Problem | null} */
    this._problem = null;
    this._found = "";
    this._as_text = false;
    this._bytes = 0;
    /** Whether something is missing of what is shown. */
    this._lost = false;
    /** @type {State} */
    this._state = "open";
    /** @type {number | null} */
    this._after = null;
    /** @type {number | null} which run of the guest the screen is of */
    this._run = null;
    /** @type {import("./console_terminal.js").ConsoleTerminal | null} */
    this._terminal = null;
    this._wanted = "";
    this._of = "";
    /** Counts beginnings: what was asked before one is not for the screen after it. */
    this._begun = 0;
    /** Whether it was refused: until it is another guest's console, or somebody else's question. */
    this._refused = false;
  }

  connectedCallback() {
    super.connectedCallback();
    needStyles();
    this._of = `${this.host}/${this.guest}`;
    const { session } = this.services;
    const other = () => this._begin();
    session.addEventListener("change", other);
    this.until(() => session.removeEventListener("change", other));
    this.until(followTheme(() => this._terminal?.recolour()));
    const watch = new ResizeObserver(() => this._terminal?.fit());
    watch.observe(this);
    this.until(() => {
      watch.disconnect();
      this._drop();
    });
    this.every(AGAIN_MS, (signal) => this._ask(signal));
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (changed.has("_as_text") && !this._as_text) this._terminal?.fit();
    if ((changed.has("guest") || changed.has("host")) && this._of !== `${this.host}/${this.guest}`) {
      this._of = `${this.host}/${this.guest}`;
      this._begin();
    }
  }

  /** From the beginning of what there is. */
  _begin() {
    this._begun += 1;
    this._after = null;
    this._run = null;
    this._bytes = 0;
    this._lost = false;
    this._problem = null;
    this._refused = false;
    if (this._may) this._terminal?.clear();
    else this._drop();
    this.requestUpdate();
  }

  _drop() {
    this._terminal?.dispose();
    this._terminal = null;
  }

  get _may() {
    return this.services.session.may("guest-console", this.host);
  }

  async _terminalOf() {
    if (this._terminal) return this._terminal;
    const { ConsoleTerminal } = await part(() => import("./console_terminal.js"));
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".console-place"));
    if (!place || !this.isConnected) return null;
    this._terminal ??= new ConsoleTerminal(place);
    return this._terminal;
  }

  /** @param {AbortSignal} signal */
  async _ask(signal) {
    const begun = this._begun;
    if (this._refused || !this._may) return;
    try {
      const terminal = await this._terminalOf();
      if (!terminal) return;
      let piece = await this._piece(signal);
      while (begun === this._begun && this._takes(terminal, piece)) piece = await this._piece(signal);
      this._problem = null;
    } catch (error) {
      if (signal.aborted || begun !== this._begun) return;
      const problem = /** @type {import("../../core/problem.js").Problem} */ (error);
      this._problem = problem;
      this._refused = problem.status === 403 || REFUSALS.has(problem.code);
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Piece>}
   */
  _piece(signal) {
    return this.services.api.operation(this.host, "guest-console", {
      guest: this.guest, after: this._after ?? 0, run: this._run, limit_bytes: MOST_BYTES,
    }, signal);
  }

  /**
   * @param {import("./console_terminal.js").ConsoleTerminal} terminal
   * @param {Piece} piece
   * @returns {boolean} whether there may be more at once
   */
  _takes(terminal, piece) {
    if (this._run !== null && piece.run !== null && piece.run !== this._run) {
      // the guest has begun anew, and this is from its beginning, as far as that is kept
      terminal.clear();
      this._bytes = 0;
      this._lost = false;
    }
    this._lost ||= piece.lost;
    this._run = piece.run ?? this._run;
    this._state = piece.state;
    const bytes = fromHex(piece.data);
    if (bytes.length) terminal.write(bytes, () => this.requestUpdate());
    this._bytes += bytes.length;
    this._after = piece.end;
    return bytes.length >= MOST_BYTES;
  }

  render() {
    if (!this._may) {
      return empty({
        title: "The console is not shown to you",
        text: "What a guest writes may be confidential: reading it takes the role operator on this host.",
      });
    }
    const same = line`guestwire guest console ${this.host.split("/")[1]}/${this.guest} -f`;
    return html`<section class="console" aria-label=${`Console of ${this.guest}`}>
      <div class="toolbar">
        <form class="row" role="search" @submit=${this._search}><label class="sr"
          for=${this._id("find")}>Search the console</label>
          <input id=${this._id("find")} type="search" name="text" placeholder="Search" autocomplete="off"
            spellcheck="false">
          <button class="button" name="next">Next</button><button class="button" name="back"
            value="1">Back</button></form>
        <span class="muted" role="status">${this._found}</span><span class="fill"></span>
        <button type="button" class="button" @click=${() => this._terminal?.toEnd()}>To the end</button>
        <button type="button" class="button" aria-pressed=${this._as_text ? "true" : "false"}
          @click=${() => { this._as_text = !this._as_text; }}>As text</button>
        <button type="button" class="button" @click=${this._copy}>Copy</button>
        <button type="button" class="button" @click=${this._save}>Download</button></div>
      ${this._remarks()}
      <div class="console-place" ?hidden=${this._as_text}></div>
      ${this._as_text ? html`<pre class="console-text mono" tabindex="0" role="region"
        aria-label=${`Console of ${this.guest} as text`}>${this._text()}</pre>` : nothing}
      <p class="muted console-note">Read-only: typing from here is not there yet. The same on a command
        line:</p>${cli(this.services, same)}</section>`;
  }

  _remarks() {
    const problem = this._problem;
    if (problem) {
      return this._bytes ? html`<p class="issue w">Warning: nothing new can be read: ${problem.message}</p>`
        : empty({ title: "The console cannot be read", text: problem.message });
    }
    const told = STATES[this._state];
    return html`${this._lost ? html`<p
      class="issue w">Warning: something is missing: the guest wrote more than is kept.</p>` : nothing}
      ${told && this._bytes ? html`<p class="muted" role="status">${told}</p>` : nothing}
      ${this._bytes ? nothing : html`<p class="muted"
        role="status">${told && this._state !== "off" ? told :
          "The guest has written nothing yet. It shows as soon as it does."}</p>`}`;
  }

  /** @param {string} word */
  _id(word) {
    return `gw-console-screen-${this.closest(".dock") ? "dock-" : ""}${word}`;
  }

  /** @param {SubmitEvent} event */
  _search(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const text = String(new FormData(form).get("text"));
    const back = /** @type {HTMLButtonElement | null} */ (event.submitter)?.name === "back";
    const lines = this._terminal?.find(text, back) ?? 0;
    this._found = !text ? "" : lines === 1 ? "1 line has it" : `${lines} lines have it`;
  }

  _text() {
    return (this._terminal?.text() ?? "").split("\n").slice(-TEXT_LINES).join("\n");
  }

  async _copy() {
    const text = this._terminal?.selected() || this._terminal?.text() || "";
    try {
      await navigator.clipboard.writeText(text);
      this.services.say.done(this._terminal?.selected() ? "The selection is copied." : "The console is copied.");
    } catch {
      this.services.say.info("The browser does not let this page copy: show it as text and select.");
    }
  }

  _save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([this._terminal?.text() ?? ""], { type: "text/plain;charset=utf-8" }));
    link.download = `${this.host.replaceAll("/", "-")}-${this.guest}-console.txt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

/** The library's own style sheet, once for a page and only where there is a console. */
function needStyles() {
  if (document.getElementById(STYLES)) return;
  const link = document.createElement("link");
  link.id = STYLES;
  link.rel = "stylesheet";
  link.href = new URL("../../vendor/@xterm/xterm/css/xterm.css", import.meta.url).href;
  document.head.append(link);
}

customElements.define("gw-console-screen", ConsoleScreen);
