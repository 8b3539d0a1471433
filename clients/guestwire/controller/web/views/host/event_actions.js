/**
 * What can be done with events, queues and locks at run time, and why not now; new events and their removal from the
 * draft.
 */

import { html, nothing } from "lit";
import { pathText } from "../../core/edit_paths.js";
import { nameDialog } from "../guest/name_dialog.js";

/** @typedef {import("../guest/pages.js").HostPage} HostPage */
/** @typedef {{id: string, label: string, operation: string}} EventCommand */

/** @type {readonly EventCommand[]} */
const COMMANDS = [
  { id: "signal", label: "Signal", operation: "event-signal" },
  { id: "reset", label: "Reset", operation: "event-reset" },
];

/**
 * Why an event cannot be signalled or reset from here; empty: it can.
 * @param {HostPage} page
 * @param {EventCommand} command
 * @param {any} now the event as the communication services have it
 * @param {boolean} known whether it is known what they have
 */
function why(page, command, now, known) {
  if (!page.services.session.may(command.operation, page.host)) return "Your role does not allow this.";
  if (!known) return "It is not known how the event stands.";
  if (!now) return "The host does not have this event yet: Sync first.";
  return now.signal.includes("REMOTE") ? "" :
    "REMOTE, which is the cloud, may not signal it: add REMOTE to those who may.";
}

/**
 * The buttons of an event.
 * @param {HostPage} page
 * @param {string} name
 * @param {any} now
 * @param {boolean} known
 */
export function eventButtons(page, name, now, known) {
  return html`<span class="row">${COMMANDS.map((command) => {
    const reason = why(page, command, now, known);
    return html`<button type="button" class="button" aria-disabled=${reason ? "true" : nothing}
      title=${reason || nothing}
      aria-label=${`${command.label} ${name}${reason ? `: ${reason}` : ""}`}
      @click=${() => (reason ? page.services.say.info(reason) : void page.services.jobs.order({
        operation: command.operation, hosts: [page.host], body: { name } }))}>${command.label}</button>`;
  })}</span>`;
}

/** @param {HostPage} page */
export async function newEvent(page) {
  const name = await nameDialog(page.services, {
    title: "New event", action: "Create", value: "", kind: "event", taken:
      page.desired.events.map((/** @type {any} */ one) => one.name),
    text: "Who may signal it and who may wait for it is set on its page.",
  });
  if (!name) return;
  page.edit({ op: "add", path: pathText(["event", name]), value: {} });
  page.services.router.follow(page.services.router.hostHref(page.host, `/events/${encodeURIComponent(name)}`));
}

/**
 * @param {HostPage} page
 * @param {string} name
 * @returns {Promise<boolean>} whether it was taken out
 */
export async function removeEvent(page, name) {
  const sure = await page.services.dialogs.confirmName({
    title: `Delete ${name}`, name, action: "Delete", text:
      "It is taken out of the draft; with Sync it is taken away from everybody.",
  });
  if (sure) page.edit({ op: "remove", path: pathText(["event", name]) });
  return sure;
}

/**
 * Take a lock from its holder.
 * @param {HostPage} page
 * @param {any} lock as the communication services have it
 */
export async function breakLock(page, lock) {
  const lives = !lock.died;
  const sure = await page.services.dialogs.confirmName({
    title: "Break a lock", name: lock.name, action: "Break",
    text: lives ? `It is taken from ${lock.owner}, which may still use what the lock protects.` :
      `${lock.owner}, which held it, has gone.`,
  });
  if (sure) await page.services.jobs.order({ operation: "lock-break", hosts: [page.host], body:
    { name: lock.name, force: lives } });
}
