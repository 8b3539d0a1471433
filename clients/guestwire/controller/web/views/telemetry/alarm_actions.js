/** What people say of alarms: that somebody looks after them, that they are over. With a note that stays with them. */

import { html } from "lit";
import { counted } from "../../core/format.js";
import { areaField } from "../../parts/field.js";

/** @typedef {import("../../core/services.js").Services} Services */

const MOST_AT_ONCE = 500;

/** @type {Record<"acknowledge" | "clear", {title: string, text: string, action: string, done: string}>} */
const WORDS = {
  acknowledge: {
    title: "Acknowledge", action: "Acknowledge", done: "acknowledged",
    text: "Others see that somebody looks after it. It stays open until what raised it is over, or until it is cleared.",
  },
  clear: {
    title: "Clear", action: "Clear", done: "cleared",
    text: "It is over. When what raised it still holds, or comes again, it is raised again. The history keeps it.",
  },
};

/**
 * Ask for a note, and say it.
 * @param {Services} services
 * @param {"acknowledge" | "clear"} what
 * @param {readonly string[]} alarms their ids
 * @returns {Promise<boolean>} whether it was said
 */
export async function sayOfAlarms(services, what, alarms) {
  const words = WORDS[what];
  let note = "";
  const meant = await services.dialogs.open((close) => html`
    <form @submit=${(/** @type {Event} */ event) => { event.preventDefault(); close(true); }}>
      <div class="dialog-body stack">
        <p>${words.text}</p>
        ${areaField({ id: "alarm-note", label: "Note", value: "", rows: 3, onInput: (value) => { note = value; } })}
      </div>
      <footer><button type="button" class="button" @click=${() => close(false)}>Cancel</button>
        <button class="button primary">${words.action}</button></footer>
    </form>`, { title: `${words.title} ${counted(alarms.length, "alarm")}` });
  if (meant !== true) return false;
  try {
    for (let n = 0; n < alarms.length; n += MOST_AT_ONCE) {
      await services.api.send("POST", `/alarms/${what}`, { body: { alarms: alarms.slice(n, n + MOST_AT_ONCE), note } });
    }
    services.say.done(`${counted(alarms.length, "alarm")} ${words.done}.`);
    return true;
  } catch (error) {
    services.say.problem(error);
    return false;
  }
}
