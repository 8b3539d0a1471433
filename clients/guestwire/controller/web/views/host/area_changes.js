/** Areas of the draft: a new one, and the removal of one. */

import { html } from "lit";
import { backingOf, isSystem, POSITIONS, read, withPosition } from "../../core/access.js";
import { pathText } from "../../core/edit_paths.js";
import { bytes } from "../../core/format.js";
import { fieldOf } from "../../core/schema.js";
import { valueOf } from "../../core/schema_values.js";
import { textField } from "../../parts/field.js";
import { again, wrongName } from "../guest/name_dialog.js";

/** @typedef {import("../guest/pages.js").HostPage} HostPage */

const LARGEST = 512 * 2 ** 20;
const SIZE = fieldOf("size", { type: "integer", minimum: 1, maximum: LARGEST }, {});

/**
 * Why a size cannot be; empty: it can.
 * @param {any} size
 */
export function wrongSize(size) {
  return Number.isInteger(size) && size >= 1 && size <= LARGEST ? "" :
    `Allowed: 1 byte to ${bytes(LARGEST)}, such as 65536, 64K or 2M.`;
}

/** @param {HostPage} page */
export async function newArea(page) {
  const its = { name: "", size: "64K", access: "RWC-", tried: false };
  const taken = page.desired.areas.map((/** @type {any} */ one) => one.name);
  const sized = () => valueOf(SIZE, its.size);
  const given = await page.services.dialogs.open((close) => html`<form @submit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    its.tried = true;
    if (wrongName("area", its.name, taken) || wrongSize(sized())) again(event);
    else close(true);
  }}>
    <div class="dialog-body stack">
      ${textField({ id: "gw-area-new-name", label: "Name", value: its.name, hint: "1 to 27 letters, digits and _",
        error: its.tried ? wrongName("area", its.name, taken) : "", onInput: (text) => { its.name = text; } })}
      ${textField({ id: "gw-area-new-size", label: "Size", value: its.size, error: its.tried ? wrongSize(sized()) : "",
        hint: wrongSize(sized()) ? "Bytes, or 64K, 2M" :
          `${sized()} bytes; the region behind it has ${bytes(backingOf(sized()))}`,
        onInput: (text) => { its.size = text; } })}
      <fieldset class="access"><legend>Access of all who have no override</legend>
        ${POSITIONS.map((one) => html`<label class="form-check"><input type="checkbox"
          .checked=${read(its.access)[one.key]}
          @change=${(/** @type {any} */ event) => { its.access = withPosition(its.access, one.key,
            event.target.checked); again(event); }}>
          <span class="mono" aria-hidden="true">${one.letter}</span> ${one.label}</label>`)}</fieldset></div>
    <footer><button type="button" class="button" @click=${() => close()}>Cancel</button><button
      class="button primary">Create</button></footer>
  </form>`, { title: "New memory area" });
  if (given) page.edit({ op: "add", path: pathText(["area", its.name]), value:
    { size: sized(), default_access: its.access } });
}

/**
 * @param {HostPage} page
 * @param {import("../../core/access.js").Area} area
 * @returns {Promise<boolean>} whether it was taken out
 */
export async function removeArea(page, area) {
  if (isSystem(area)) {
    page.services.say.info("The system area is protected: queues and locks live in it.");
    return false;
  }
  const sure = await page.services.dialogs.confirmName({
    title: `Delete ${area.name}`, name: area.name, action: "Delete",
    text: "It is taken out of the draft; with Sync it is taken away from everybody, with all that is in it.",
  });
  if (sure) page.edit({ op: "remove", path: pathText(["area", area.name]) });
  return sure;
}
