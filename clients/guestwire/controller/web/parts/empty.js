/** What is shown where there is nothing: why, and what to do. */

import { html, nothing } from "lit";

/**
 * @param {{title: string, text?: unknown, cli?: unknown, action?: unknown}} what `cli`: as cli() makes it
 */
export function empty({ title, text = nothing, cli = nothing, action = nothing }) {
  return html`<div class="empty"><p class="empty-title">${title}</p><p>${text}</p>${action}${cli}</div>`;
}
