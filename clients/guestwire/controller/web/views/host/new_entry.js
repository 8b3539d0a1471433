/** A dialog that asks for a name and a few more things, to add an entry to a draft. */

import { html, nothing } from "lit";
import { selectField, textField } from "../../parts/field.js";

/**
 * @typedef {object} Question
 * @property {string} id
 * @property {string} label
 * @property {string} [value] at first
 * @property {readonly (string | [string, string])[]} [options] none: a text
 * @property {string} [hint]
 * @property {string} [type] of the input
 * @property {boolean} [optional]
 */

/**
 * What somebody answered, null: nothing.
 * @param {import("../../core/services.js").Services} services
 * @param {{title: string, action: string, name: string, taken: readonly string[], pattern?: RegExp, rule?: string, text?: unknown,
 *   more?: readonly Question[]}} asked `name`: what the name is called
 * @returns {Promise<Record<string, string> | null>}
 */
export async function askEntry(services, { title, action, name, taken, pattern = /^[A-Za-z0-9_.-]{1,63}$/, rule, text, more = [] }) {
  /** @type {Record<string, string>} */
  const answers = { name: "", ...Object.fromEntries(more.map((one) => [one.id, one.value ?? ""])) };
  let tried = false;
  const wrong = () => !pattern.test(answers.name) ? rule ?? "1 to 63 letters, digits, _ . and -"
    : taken.includes(answers.name) ? `There is ${answers.name} already.` : "";
  const missing = (/** @type {Question} */ one) => !one.optional && !one.options && !answers[one.id] ? "This is needed." : "";
  return (await services.dialogs.open((close) => {
    const take = (/** @type {string} */ id) => (/** @type {string} */ value) => { answers[id] = value; };
    return html`<form novalidate @submit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (!wrong() && !more.some(missing)) return close(answers);
      tried = true;
      event.target?.dispatchEvent(new Event("gw-again", { bubbles: true }));
    }}>
      <div class="dialog-body stack">${text ?? nothing}
        ${textField({ id: "new-entry-name", label: name, value: answers.name, onInput: take("name"), error: tried ? wrong() : "", required: true })}
        ${more.map((one) => one.options
          ? selectField({ id: `new-entry-${one.id}`, label: one.label, value: answers[one.id], options: one.options, onChange: take(one.id), hint: one.hint })
          : textField({ id: `new-entry-${one.id}`, label: one.label, value: answers[one.id], onInput: take(one.id), hint: one.hint, type: one.type,
            error: tried ? missing(one) : "" }))}
      </div>
      <footer><button type="button" class="button" @click=${() => close(null)}>Cancel</button>
        <button class="button primary">${action}</button></footer></form>`;
  }, { title })) ?? null;
}
