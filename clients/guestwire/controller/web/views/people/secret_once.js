/** A secret that is shown this once: to be copied, and then it is gone. */

import { html } from "lit";

/**
 * @param {import("../../core/services.js").Services} services
 * @param {{id: string, label: string, secret: string}} what
 */
export function secretOnce(services, { id, label, secret }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      services.say.done("Copied.");
    } catch {
      services.say.info("The browser does not let this page copy: select the text.");
    }
  };
  const select = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).select();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <div class="row"><input id=${id} class="mono gw-secret" readonly .value=${secret} autocomplete="off"
      spellcheck="false" @focus=${select}>
      <button type="button" class="button primary" @click=${copy}>Copy</button></div>
    <div class="hint">It is shown this once. Keep it as a password.</div>
  </div>`;
}
