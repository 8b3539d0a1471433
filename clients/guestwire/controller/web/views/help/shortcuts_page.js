/** The keys that work everywhere, as a page of the help. */

import { html } from "lit";
import { SHORTCUTS } from "../../core/shortcuts.js";

export function shortcutsPage() {
  return html`<h1>Keyboard shortcuts</h1>
    <table class="table">
      <caption class="sr">Keyboard shortcuts</caption>
      <thead><tr><th scope="col">Keys</th><th scope="col">What they do</th></tr></thead>
      <tbody>${SHORTCUTS.map((one) => html`<tr>
        <th scope="row">${one.keys.split(", ").map((keys, at) => html`${at ? " or " : ""}${keys.split(" ").map((key) =>
          html`<kbd>${key}</kbd> `)}`)}</th>
        <td>${one.text}</td></tr>`)}</tbody>
    </table>
    <p>Everything can be reached with the Tab key; links open with Enter, buttons with Enter or Space.</p>`;
}
