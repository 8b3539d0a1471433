/** A dialog that asks for the name of something. */

import { html } from "lit";
import { textField } from "../../parts/field.js";

const NAME = /^[A-Za-z0-9_.-]{1,63}$/;
const AREA_NAME = /^\w{1,27}$/;
const EVENT_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/** What names may be, by what they name. */
export const NAMES = {
  guest: { fits: NAME, allowed: "1 to 63 letters, digits, _ . and -" },
  area: { fits: AREA_NAME, allowed: "1 to 27 letters, digits and _" },
  event: { fits: EVENT_NAME, allowed: "1 to 64 letters, digits, _ . and -" },
};

/**
 * Why something cannot be called so; empty: it can.
 * @param {keyof typeof NAMES} kind
 * @param {string} name
 * @param {readonly string[]} taken
 */
export function wrongName(kind, name, taken) {
  const { fits, allowed } = NAMES[kind];
  if (!fits.test(name)) return `Allowed: ${allowed}.`;
  return taken.includes(name) ? `There is ${kind === "guest" ? "a" : "an"} ${kind} ${name} already.` : "";
}

/**
 * @param {import("../../core/services.js").Services} services
 * @param {{title: string, action: string, text: string, value: string, taken: readonly string[], kind?: keyof typeof
 * NAMES}} options
 * @returns {Promise<string>} the name; empty: it was left
 */
export async function nameDialog(services, { title, action, text, value, taken, kind = "guest" }) {
  let name = value;
  let tried = false;
  const found = await services.dialogs.open((close) => html`<form @submit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    tried = true;
    if (name === value && taken.includes(name)) close("");
    else if (wrongName(kind, name, taken)) again(event);
    else close(name);
  }}>
    <div class="dialog-body stack"><p>${text}</p>
      ${textField({ id: "gw-name-dialog", label: "Name", value: name, error: tried ? wrongName(kind, name, taken) : "",
        hint: `${NAMES[kind].allowed.charAt(0).toUpperCase()}${NAMES[kind].allowed.slice(1)}`, onInput: (typed) =>
          { name = typed; } })}</div>
    <footer><button type="button" class="button" @click=${() => close("")}>Cancel</button>
      <button class="button primary">${action}</button></footer></form>`, { title });
  return found ?? "";
}

/** Have the dialog shown anew. @param {Event} event */
export function again(event) {
  event.target?.dispatchEvent(new Event("gw-again", { bubbles: true }));
}
