/** What the rules say of a place, as lines: a word for how grave it is, what is wrong, what to do. */

import { html, nothing } from "lit";

/**
 * @param {readonly import("../types/api.js").components["schemas"]["Issue"][]} issues
 */
export function issueLines(issues) {
  return issues.map((one) => {
    const error = one.severity === "E";
    return html`<p class="issue ${error ? "e" : "w"}">${error ? "Error" : "Warning"}: ${one.message}${
      one.hint ? html` <span class="form-hint">${one.hint}</span>` : nothing}</p>`;
  });
}
