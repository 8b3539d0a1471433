/** Short words about what happened, at the edge of the page: read aloud, gone by themselves; problems stay until they are closed. */

import { html, nothing, render } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { isAbort } from "../core/problem.js";

const STAY_MS = 6000;
const MOST = 5;

/** @typedef {{id: number, kind: "ok" | "info" | "err", text: string, code: string, reasons: string[]}} Word */

export class Say {
  /** @param {HTMLElement} place */
  constructor(place) {
    this._place = place;
    /** @type {Word[]} */
    this._words = [];
    this._count = 0;
    place.className = "says";
    place.setAttribute("role", "status");
    place.setAttribute("aria-live", "polite");
    this._show();
  }

  /** @param {string} text */
  done(text) {
    this._add({ kind: "ok", text, code: "", reasons: [] }, STAY_MS);
  }

  /** @param {string} text */
  info(text) {
    this._add({ kind: "info", text, code: "", reasons: [] }, STAY_MS);
  }

  /** @param {unknown} error a Problem, or whatever was thrown */
  problem(error) {
    if (isAbort(error)) return;
    const known = /** @type {any} */ (error);
    this._add({ kind: "err", text: known?.message ?? String(error), code: known?.code ?? "", reasons: known?.reasons ?? [] }, 0);
  }

  /**
   * @param {Omit<Word, "id">} word
   * @param {number} stay 0: until it is closed
   */
  _add(word, stay) {
    const id = ++this._count;
    const same = this._words.findIndex((one) => one.text === word.text && one.kind === word.kind);
    if (same >= 0) this._words.splice(same, 1);
    this._words = [...this._words, { ...word, id }].slice(-MOST);
    this._show();
    if (stay) setTimeout(() => this._close(id), stay);
  }

  /** @param {number} id */
  _close(id) {
    this._words = this._words.filter((word) => word.id !== id);
    this._show();
  }

  _show() {
    render(repeat(this._words, (word) => word.id, (word) => html`
      <div class="say ${word.kind}">
        <span aria-hidden="true">${{ ok: "✓", info: "●", err: "✕" }[word.kind]}</span>
        <div><span class="say-text">${word.text}</span>
          ${word.code ? html`<code>${word.code}</code>` : nothing}
          ${word.reasons.map((reason) => html`<div class="mono muted">${reason}</div>`)}</div>
        <button class="button quiet" aria-label="Close this message" @click=${() => this._close(word.id)}>✕</button>
      </div>`), this._place);
  }
}
