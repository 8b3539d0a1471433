/** What people say of a host: its name, labels and notes, asked for in a dialog. */

import { html } from "lit";
import { areaField, textField } from "../../parts/field.js";

/**
 * Labels as they are typed: "line=3, rack=b".
 * @param {string} text
 * @returns {Record<string, string>}
 */
export function labelsOf(text) {
  return Object.fromEntries(text.split(/[,\n]/).map((part) => part.trim()).filter(Boolean).map((part) => {
    const at = part.indexOf("=");
    return at < 0 ? [part, ""] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
  }));
}

/**
 * Ask, and save. Labels that are no longer there are taken away.
 * @param {import("../../core/services.js").Services} services
 * @param {import("../../core/hosts.js").HostData} data
 */
export async function nameHost(services, data) {
  const detail = data.detail;
  if (!detail) return;
  const labels = Object.entries(detail.labels).map(([name, value]) => `${name}=${value}`).join(", ");
  const words = { label: detail.given_label, labels, notes: detail.notes };
  const given = await services.dialogs.open((close) => html`
    <form @submit=${(/** @type {Event} */ event) => { event.preventDefault(); close(words); }}>
      <div class="dialog-body stack">
        ${textField({ id: "host-words-label", label: "Name", value: words.label, onInput: (value) => { words.label = value; },
          hint: "What people call it. Left empty, the host's own settings say it." })}
        ${textField({ id: "host-words-labels", label: "Labels", value: words.labels, onInput: (value) => { words.labels = value; },
          hint: "NAME=VALUE with commas between: line=3, rack=b. Groups and selections go by them." })}
        ${areaField({ id: "host-words-notes", label: "Notes", value: words.notes, onInput: (value) => { words.notes = value; } })}
      </div>
      <footer><button type="button" class="button" @click=${() => close(null)}>Cancel</button><button class="button primary">Save</button></footer>
    </form>`, { title: `Names of ${detail.host}` });
  if (!given) return;
  const wanted = labelsOf(given.labels);
  const gone = Object.keys(detail.labels).filter((name) => !(name in wanted)).map((name) => [name, null]);
  try {
    await services.api.send("PATCH", `/hosts/${data.host}`, {
      body: { label: given.label, labels: { ...wanted, ...Object.fromEntries(gone) }, notes: given.notes }, ifMatch: detail.revision,
    });
    await data.read(false);
    services.say.done("Saved.");
  } catch (error) {
    services.say.problem(error);
    await data.read(false);
  }
}
