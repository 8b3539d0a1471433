/** States as pills: a glyph and a word, never a colour alone. */

import { html } from "lit";

/** @typedef {[kind: string, glyph: string, word?: string]} Look */

/** @type {Record<string, Look>} */
const HOST = {
  online: ["ok", "●"], suspect: ["warn", "▲"], flapping: ["warn", "▲"], offline: ["err", "✕"], unknown: ["off", "◌"],
};
/** @type {Record<string, Look>} */
const GUEST = {
  ready: ["ok", "●"], running: ["ok", "●"], starting: ["info", "◐"], stopping: ["info", "◑"], paused: ["warn", "❙❙"],
  stopped: ["off", "○"], crashed: ["err", "✕"], unknown: ["off", "◌"],
};
/** @type {Record<string, Look>} */
const JOB = {
  succeeded: ["ok", "✓"], running: ["info", "●"], accepted: ["info", "●"], sent: ["info", "●"], queued: ["off", "○"],
  "waiting-approval": ["pend", "◔"], "waiting-window": ["pend", "◔"], "waiting-reboot": ["pend", "↻"], overdue: ["warn", "▲"],
  failed: ["err", "✕"], rejected: ["err", "✕"], "timed-out": ["err", "✕"], indeterminate: ["err", "▲"],
  "rolled-back": ["warn", "↺"], canceled: ["off", "–"],
};
/** @type {Record<string, Look>} */
const SEVERITY = {
  critical: ["err", "✕"], error: ["err", "✕"], E: ["err", "✕", "error"], warning: ["warn", "▲"], W: ["warn", "▲", "warning"],
  info: ["info", "●"], debug: ["off", "○"],
};
/** @type {Record<string, Look>} */
const SYNC = {
  in_sync: ["ok", "✓", "in sync"], drifted: ["warn", "▲"], applying: ["info", "●"], confirm_wait: ["pend", "◔", "waits for confirmation"],
  failed: ["err", "✕"], rolled_back: ["warn", "↺", "rolled back"], unknown: ["off", "◌"],
};

/**
 * @param {Look | undefined} look
 * @param {string} word
 */
function shown(look, word) {
  const [kind, glyph, other] = look ?? ["off", "◌"];
  return html`<span class="pill ${kind}"><span aria-hidden="true">${glyph}</span> ${other ?? word.replaceAll("-", " ")}</span>`;
}

/** A pill of one's own. @param {string} kind ok warn err off info pend @param {string} glyph @param {unknown} word */
export const pill = (kind, glyph, word) => html`<span class="pill ${kind}"><span aria-hidden="true">${glyph}</span> ${word}</span>`;
/** @param {string} state */
export const hostStatus = (state) => shown(HOST[state], state);
/** @param {string} state */
export const guestStatus = (state) => shown(GUEST[state], state);
/** @param {string} state */
export const jobStatus = (state) => shown(JOB[state], state);
/** @param {string} word */
export const severity = (word) => shown(SEVERITY[word], word);
/** @param {string} state */
export const syncStatus = (state) => shown(SYNC[state], state);
/** The glyph alone, for the navigator, which has the word beside it. @param {"host" | "guest"} of @param {string} state */
export function glyph(of, state) {
  const [kind, sign] = (of === "host" ? HOST : GUEST)[state] ?? ["off", "◌"];
  return html`<span class="glyph ${kind}" aria-hidden="true">${sign}</span>`;
}
