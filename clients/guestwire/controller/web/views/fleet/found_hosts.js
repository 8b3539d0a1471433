/**
 * The hosts that a selection finds, kept right while hosts change. Plain words are found in the browser at once; what a selection
 * with operators means only the controller says, so it is asked, and again after hosts or groups changed.
 */

import { byWords, isWords } from "../../core/selection.js";
import { AskedAgain, keysOf } from "./asked_again.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */

const TYPING_MS = 250;
const AGAIN_MS = 2000;
const MOST = 10_000;

export class FoundHosts extends AskedAgain {
  /**
   * @param {import("../../core/api.js").Api} api
   * @param {import("../../core/live.js").Live} live
   */
  constructor(api, live) {
    super(api, live, AGAIN_MS);
    this.q = "";
    /** What it found last, null: every host. @type {Set<string> | null} */
    this._keys = null;
    /** The hosts of these keys, the same array until something changes: tables sort a new one anew. @type {HostSummary[] | null} */
    this._hosts = null;
  }

  /**
   * Find something else.
   * @param {string} q
   */
  find(q) {
    if (q === this.q) return;
    const typed = this.q !== "";
    this.q = q;
    this.problem = null;
    this._takeBack();
    this._hosts = null;
    this.asking = q.trim() !== "";
    if (!this.asking) this._keys = null;
    else if (isWords(q)) this._keys = keysOf(byWords(this._live.map("host").values(), q));
    else this._keys ??= new Set(); // what was found before stays until there is an answer, and of nothing comes nothing
    if (this.asking) this._timer = setTimeout(() => void this._ask(), typed || isWords(q) ? TYPING_MS : 0);
    this.dispatchEvent(new Event("change"));
  }

  /** The hosts found, as they are now. @returns {HostSummary[]} */
  get hosts() {
    this._hosts ??= this._found();
    return this._hosts;
  }

  _found() {
    const all = this._live.map("host");
    if (this._keys === null) return [...all.values()];
    return [...this._keys].map((key) => all.get(key)).filter(Boolean);
  }

  _stale() {
    this._hosts = null;
    if (this.q.trim() !== "" && !isWrong(this.problem)) super._stale();
  }

  /** @param {AbortSignal} signal */
  async _answer(signal) {
    const found = keysOf(await this._api.all("/hosts", { q: this.q }, MOST, signal));
    if (signal.aborted) return;
    this._keys = found;
    this._hosts = null;
  }
}

/**
 * Whether it is the selection that is wrong: that it is until it is another one.
 * @param {import("../../core/problem.js").Problem | null} problem
 */
function isWrong(problem) {
  return problem !== null && problem.status >= 400 && problem.status < 500 && problem.code !== "THROTTLED";
}
