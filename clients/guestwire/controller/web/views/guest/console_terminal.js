/**
 * A terminal that only shows. Whatever a guest writes stays text on this screen: no titles, no links, no clipboard, no
 * answers, no
 * sounds. What becomes of it elsewhere (copying, searching) is asked for by people.
 */

import { Terminal } from "@xterm/xterm";
import { FitAddon } from "@xterm/addon-fit";

const LINES = 10_000;
/**
 * Operating system commands that reach beyond the screen: titles, working directory, links, notifications, clipboard,
 * and others' own.
 */
const SWALLOWED = [0, 1, 2, 7, 8, 9, 50, 51, 52, 99, 133, 633, 777, 1337];
/** Colours of the theme: by which token each is drawn. What can then not be read is drawn stronger by the terminal. */
const TOKENS = {
  background: "--bg", foreground: "--text", selectionBackground: "--s3", cursor: "--bg", cursorAccent: "--bg",
  red: "--err", green: "--ok", yellow: "--warn", blue: "--info", magenta: "--pend", cyan: "--g3",
  brightRed: "--err", brightGreen: "--ok", brightYellow: "--warn", brightBlue: "--info", brightMagenta: "--pend",
  brightCyan: "--g3",
};

export class ConsoleTerminal {
  /** @param {HTMLElement} place */
  constructor(place) {
    this._place = place;
    this._terminal = new Terminal({
      disableStdin: true, cursorBlink: false, cursorInactiveStyle: "none", scrollback: LINES, convertEol: false,
        allowProposedApi: false,
      windowOptions: {}, linkHandler: { activate: () => undefined, allowNonHttpProtocols: false }, screenReaderMode:
        false,
      fontSize: 13, fontFamily: style(place, "--mono"), theme: themeOf(place), minimumContrastRatio: 4.5,
    });
    for (const code of SWALLOWED) this._terminal.parser.registerOscHandler(code, () => true);
    // questions (device attributes, status, reports of settings) get no answer, and no program strings are kept
    for (const final of ["c", "n"]) this._terminal.parser.registerCsiHandler({ final }, () => true);
    this._terminal.parser.registerDcsHandler({ intermediates: "$", final: "q" }, () => true);
    this._fit = new FitAddon();
    this._terminal.loadAddon(this._fit);
    this._terminal.open(place);
    const input = place.querySelector("textarea");
    input?.setAttribute("aria-label", "Console, read-only; its text is below");
    input?.setAttribute("readonly", "");
    this.fit();
    this._from = 0;
  }

  /**
   * @param {Uint8Array} data
   * @param {() => void} then when it is on the screen
   */
  write(data, then) {
    this._terminal.write(data, then);
  }

  clear() {
    this._terminal.reset();
  }

  fit() {
    if (this._place.clientWidth) this._fit.fit();
  }

  /** Draw in the colours of the theme that holds now. */
  recolour() {
    this._terminal.options.theme = themeOf(this._place);
  }

  /** All lines, without those at the end that are empty. @returns {string} */
  text() {
    return this._lines().map((line) => line.text).join("\n").trimEnd();
  }

  selected() {
    return this._terminal.getSelection();
  }

  /**
   * Show the next place of a text, from the one before on and around.
   * @param {string} wanted
   * @param {boolean} back towards the beginning
   * @returns {number} how many lines have it
   */
  find(wanted, back) {
    const lower = wanted.toLowerCase();
    const hits = this._lines().flatMap((line) => {
      const column = line.text.toLowerCase().indexOf(lower);
      return column < 0 ? [] : [{ row: line.row, column }];
    });
    if (!wanted || !hits.length) {
      this._terminal.clearSelection();
      return 0;
    }
    const later = back ? hits.findLast((one) => one.row < this._from) ?? hits[hits.length - 1] :
      hits.find((one) => one.row > this._from) ?? hits[0];
    this._from = later.row;
    this._terminal.select(later.column, later.row, wanted.length);
    this._terminal.scrollToLine(Math.max(0, later.row - Math.floor(this._terminal.rows / 2)));
    return hits.length;
  }

  toEnd() {
    this._terminal.scrollToBottom();
  }

  dispose() {
    this._terminal.dispose();
  }

  /** Lines as they were written, not as they are broken. @returns {{row: number, text: string}[]} */
  _lines() {
    const buffer = this._terminal.buffer.active;
    /** @type {{row: number, text: string}[]} */
    const lines = [];
    for (let row = 0; row < buffer.length; row += 1) {
      const line = buffer.getLine(row);
      if (!line) continue;
      if (line.isWrapped && lines.length) lines[lines.length - 1].text += line.translateToString(true);
      else lines.push({ row, text: line.translateToString(true) });
    }
    return lines;
  }
}

/** @param {HTMLElement} place */
function themeOf(place) {
  return Object.fromEntries(Object.entries(TOKENS).map(([name, token]) => [name, style(place, token)]));
}

/**
 * @param {HTMLElement} place
 * @param {string} token
 */
function style(place, token) {
  return getComputedStyle(place).getPropertyValue(token).trim();
}
