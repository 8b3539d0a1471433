/**
 * What can be done with a guest, in its row and above its pages. Each button has its place, whatever the guest's state: none becomes another one
 * under the pointer; one that is not possible now says why.
 */

import { html, nothing } from "lit";
import "./menu.js";

/** What has a button of its own. */
const FIRST = ["start", "shutdown"];

/**
 * @param {import("../core/services.js").Services} services
 * @param {string} host "site/host"
 * @param {string} guest
 * @param {{menu?: string, all?: boolean}} [options] what the menu of the others is called; whether it has all of them
 */
export function guestButtons(services, host, guest, { menu = "More", all: whole = false } = {}) {
  const { commands, say } = services;
  const ctx = { host, guest };
  const all = commands.guest.map((command) => ({
    id: command.id, label: command.label, danger: Boolean(command.destructive), why: commands.why(command, ctx),
    run: () => void commands.run(command, ctx),
  }));
  const first = FIRST.flatMap((id) => all.filter((one) => one.id === id));
  return html`<div class="row guest-buttons">${first.map(({ label, why, run }) => html`<button type="button" class="button"
      aria-disabled=${why ? "true" : nothing} title=${why || nothing} aria-label=${`${label} ${guest}${why ? `: ${why}` : ""}`}
      @click=${() => (why ? say.info(`${label} ${guest}: ${why}`) : run())}>${label}</button>`)}
    <gw-menu .services=${services} .label=${menu} .items=${whole ? all : all.filter((one) => !FIRST.includes(one.id))}></gw-menu></div>`;
}
