/** What is said in the place of what only the host itself can tell, while it is away: of such a host its guests are known alone. */

import { html } from "lit";
import { empty } from "../../parts/empty.js";

/** Whether what is shown is all but the guests missing. @param {import("../../core/draft.js").Draft} draft */
export function onlyGuests(draft) {
  return draft.partial && draft.shown === draft.active;
}

/** @param {string} what "The events are" */
export function away(what) {
  return empty({
    title: `${what} not known while the host is away`,
    text: "Of a host that is away only its guests are known here. The rest is read when it is back.",
  });
}

/**
 * What stands in the place of how something is on the host now, which has not been read, or cannot be.
 * @param {import("../../core/problem.js").Problem | null} problem
 */
export function unread(problem) {
  if (!problem) return html`<p class="muted" role="status">Reading …</p>`;
  return html`<p class="muted">${problem.code === "NOT-FOUND" ? "The host does not have it now" : "How it is now is not known"}:
    ${problem.message}</p>`;
}
