/** How a connection fares, and what to do where it does not. */

import { html, nothing } from "lit";
import { duration, time } from "../../core/format.js";
import { pill } from "../../parts/status.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ConnectionView"]} ConnectionView */

/** @type {Record<string, [kind: string, glyph: string, word: string]>} */
const STATES = {
  up: ["ok", "●", "connected"], connecting: ["info", "◐", "connecting"], waiting: ["warn", "▲", "tries again"],
    failed: ["err", "✕", "failed"],
};

/** What mends it. @type {Record<string, string>} */
const REMEDIES = {
  "BROKER-UNREACHABLE":
    "Is the address of the broker right, does it run, and does a firewall let this machine through?",
  "BROKER-REFUSED": "The broker does not know this client: give it the site's files (guestwire site broker-config).",
  "SOCKET-UNREACHABLE":
    "Is the agent running, is the path its socket's, and may the controller's user enter that folder?",
  "LISTENER-UNREACHABLE": "Is the agent running, does it listen by TCP, and is the address right?",
  "HOST-UNREACHABLE": "Nobody answers there: is the agent running, and is the address right?",
  "CLIENT-UNKNOWN":
    "The host lets this user or certificate not in: name it at the site (guestwire site init --local-uid).",
  "CERTIFICATE-UNTRUSTED":
    "The CA is not the one that signed the other end's certificate: take ca.crt of the same site.",
  "CERTIFICATE-NAME":
    "The certificate of the other end is for another name: write the address as the certificate has it.",
  "TLS-FAILED": "Look at the CA, the certificate and its key: they are of one site, and the key belongs to it.",
  "KEY-FILE-INVALID":
    "The key file is missing, or open to others: the controller's user alone may read it (mode 0600).",
  "TRUST-INVALID": "The trust document is not signed by that root: copy trust and root.pub of the same site.",
  "KEY-UNKNOWN": "The other end does not know the controller's key: publish a trust document that has it.",
  "CONFIG-INVALID": "A file is not what it should be, or the controller's user cannot read it: mend it there.",
};

const FALLBACK = "Are the address and the files right, and does the other end run? guestwire doctor there tells more.";

/** @param {string} state */
export function connectionPill(state) {
  const [kind, glyph, word] = STATES[state] ?? ["off", "◌", state];
  return pill(kind, glyph, word);
}

/** @param {ConnectionView} one */
export function connectionWords(one) {
  if (one.state === "up") return html`<span title="since ${time(one.up_at)}">for
    ${duration(Date.now() - one.up_at)}</span>`;
  if (!one.error) return nothing;
  return html`<div class="issue ${one.state === "failed" ? "e" : "w"}">${one.error.message}
    <code>${one.error.code}</code>
    <div class="muted">${REMEDIES[one.error.code] ?? FALLBACK}</div></div>`;
}
