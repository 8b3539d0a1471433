/** What changes a guest as a whole in the draft: another name, a copy, its removal. */

import { html } from "lit";
import { copied } from "../host/guest_copies.js";
import { nameDialog } from "./name_dialog.js";

/** @typedef {import("./pages.js").GuestPage} GuestPage */

/** @param {GuestPage} page */
export function changes(page) {
  return html`<div class="toolbar" role="group" aria-label="Change the guest">
    <button type="button" class="button" @click=${() => rename(page)}>Rename …</button>
    <button type="button" class="button" @click=${() => clone(page)}>Clone …</button>
    <button type="button" class="button danger" @click=${() => remove(page)}>Remove …</button>
  </div>`;
}

/** @param {GuestPage} page */
function others(page) {
  return page.desired.guests.map((/** @type {any} */ one) => one.name);
}

/** @param {GuestPage} page */
async function rename(page) {
  const name = await nameDialog(page.services, {
    title: `Rename ${page.name}`, action: "Rename", value: page.name, taken: others(page),
    text: "Its identifier stays. Areas, events and networks that name it follow.",
  });
  if (!name || name === page.name) return;
  page.edit({ op: "rename", path: page.path(), value: name });
  page.services.router.follow(page.services.router.guestHref(page.host, name));
}

/** @param {GuestPage} page */
async function clone(page) {
  const name = await nameDialog(page.services, {
    title: `Clone ${page.name}`, action: "Clone", value: `${page.name}-2`, taken: others(page),
    text: "The clone has the same fields. Not copied are identifiers, MAC addresses, the CPU set, devices and port " +
      "forwards; its disks are made as copies.",
  });
  if (!name) return;
  page.edit(copied(page.guest, name));
  page.services.router.follow(page.services.router.guestHref(page.host, name));
}

/** @param {GuestPage} page */
async function remove(page) {
  const sure = await page.services.dialogs.confirmName({
    title: `Remove ${page.name}`, name: page.name, action: "Remove",
    text: "It is taken out of the draft; the host keeps it until Sync. Its devices are free then, its disks stay.",
  });
  if (!sure) return;
  page.edit({ op: "remove", path: page.path() });
  page.services.router.follow(page.services.router.hostHref(page.host, "/guests"));
}
