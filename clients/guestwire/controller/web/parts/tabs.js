/** Pages beside one another, as links. */

import { html } from "lit";

/**
 * @param {{label: unknown, href: string, current: boolean}[]} items
 * @param {string} label what they are about
 */
export function tabs(items, label) {
  return html`<nav class="tabs" aria-label=${label}>${items.map((item) => html`
    <a href=${item.href} aria-current=${item.current ? "page" : "false"}>${item.label}</a>`)}</nav>`;
}
