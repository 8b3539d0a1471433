/** What the rules say of a part of a draft, as a list: code, message, hint, and a way to the place. */

import { html, nothing } from "lit";

/** @typedef {import("../../types/api.js").components["schemas"]["Issue"]} Issue */

/**
 * @param {readonly Issue[]} issues
 * @param {string} label of the list
 */
export function issueList(issues, label) {
  if (!issues.length) return nothing;
  return html`<ul class="issues" aria-label=${label} aria-live="polite">${issues.map((issue) => html`
    <li class="issue ${issue.severity === "E" ? "e" : "w"}">
      <span aria-hidden="true">${issue.severity === "E" ? "✕" : "▲"}</span>
      <div><strong>${issue.severity === "E" ? "Error" : "Warning"}</strong> <code>${issue.code}</code> ${issue.message}
        ${issue.hint ? html`<div class="muted">${issue.hint}</div>` : nothing}</div>
    </li>`)}</ul>`;
}

/** @param {Issue} issue */
export function issueTitle(issue) {
  return `${issue.code}: ${issue.message}`;
}

/**
 * @param {readonly Issue[]} issues
 * @returns {"E" | "W" | ""}
 */
export function worst(issues) {
  if (!issues.length) return "";
  return issues.some((issue) => issue.severity === "E") ? "E" : "W";
}
