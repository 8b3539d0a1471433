/** The buttons of what can be done to a guest; those that are not possible now say why. */

import { html, nothing } from "lit";

/** @typedef {import("../../core/services.js").Services} Services */

/**
 * @param {Services} services
 * @param {{host: string, guest: string}} ctx
 */
export function actions(services, ctx) {
  const { commands, say } = services;
  const all = commands.guest.map((command) => ({ command, why: commands.why(command, ctx) }));
  return html`<div class="toolbar" role="group" aria-label="Actions">${all.map(({ command, why }) => html`
    <button type="button" class="button ${command.destructive ? "danger" : ""}" aria-disabled=${why ? "true" : nothing}
      title=${why || nothing}
      aria-describedby=${why ? `gw-guest-action-${command.id}` : nothing}
      @click=${() => (why ? say.info(`${command.label}: ${why}`) :
        void commands.run(command, ctx))}>${command.label}</button>
    ${why ? html`<span class="sr" id=${`gw-guest-action-${command.id}`}>${why}</span>` : nothing}`)}</div>`;
}
