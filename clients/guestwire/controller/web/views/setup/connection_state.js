/** How a connection fares, and what to do where it does not. */

import { html, nothing } from "lit";
import { duration, time } from "../../core/format.js";
import { pill } from "../../parts/status.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ConnectionView"]} ConnectionView */

/** @type {Record<string, [kind: string, glyph: string, word: string]>} */
const STATES = {
  up: ["ok", "●", "connected"], connecting: ["info", "◐", "connecting"], waiting: ["warn", "▲", "tries again"], failed: ["err", "✕", "failed"],
};

/** What mends it. @type {Record<string, string>} */
const REMEDIES = {
  "CONFIG-INVALID": "A file is not what it should be, or the controller's user cannot read it. Mend it at the controller: it is read again.",
  "BROKER-REFUSED": "The broker does not know this user: give it the site's list of clients (guestwire site broker-config).",
  "HOST-UNREACHABLE": "Nobody answers there: is the agent running, and is the address right?",
  "KEY-UNKNOWN": "The other end does not know the controller's key: publish a trust document that has it (guestwire site trust publish).",
  "TRUST-INVALID": "The trust document is not signed by that root: copy trust and root.pub of the same site.",
};

const FALLBACK = "Look whether the address and the files are right, and whether the other end runs: guestwire doctor at the controller tells more.";

/** @param {string} state */
export function connectionPill(state) {
  const [kind, glyph, word] = STATES[state] ?? ["off", "◌", state];
  return pill(kind, glyph, word);
}

/** @param {ConnectionView} one */
export function connectionWords(one) {
  if (one.state === "up") return html`<span title="since ${time(one.up_at)}">for ${duration(Date.now() - one.up_at)}</span>`;
  if (!one.error) return nothing;
  return html`<div class="issue ${one.state === "failed" ? "e" : "w"}">${one.error.message} <code>${one.error.code}</code>
    <div class="muted">${REMEDIES[one.error.code] ?? FALLBACK}</div></div>`;
}
