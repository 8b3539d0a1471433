/** The line of the command line that does the same, to be copied. */

import { html } from "lit";

/**
 * @param {import("../core/services.js").Services} services
 * @param {string} line
 */
export function cli(services, line) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(line);
      services.say.done("Copied.");
    } catch {
      services.say.info("The browser does not let this page copy: select the line.");
    }
  };
  return html`<div class="cli"><code>${line}</code>
    <button type="button" class="button quiet" @click=${copy}>Copy as CLI</button></div>`;
}
