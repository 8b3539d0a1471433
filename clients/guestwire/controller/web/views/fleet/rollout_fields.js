/** The fields of a new rollout, in their parts: what, on which hosts, how fast, when to stop, when. */

import { html, nothing } from "lit";
import { areaField, checkField, selectField, textField } from "../../parts/field.js";
import { FIELDS } from "./rollout_form.js";

/** @typedef {import("./rollout_form.js").Form} Form */
/**
 * @typedef {object} Shown
 * @property {Form} form
 * @property {Record<string, string>} wrong by field
 * @property {URLSearchParams} query
 * @property {(words: Record<string, string | null>) => void} set
 * @property {{name: string, summary: string, risk: number}[]} operations
 * @property {readonly any[]} projects
 * @property {readonly any[]} groups
 * @property {readonly any[]} windows
 */

/** @typedef {[value: string, label: string, fields: readonly string[]]} Way */

/** What there is to choose between: which fields each choice has. @type {Record<string, {label: string, name: string, ways: readonly Way[]}>} */
const CHOICES = {
  what: {
    label: "What", name: "what",
    ways: [["operation", "An operation", ["operation", "body"]], ["project", "A saved project", ["project", "revision", "restart"]]],
  },
  targets: {
    label: "On which hosts", name: "to",
    ways: [["selection", "A selection", ["q"]], ["group", "A group", ["group_name"]], ["hosts", "These hosts", ["hosts"]]],
  },
};

/** @param {Shown} shown */
export function rolloutFields(shown) {
  return html`
    ${field(shown, "name")}
    ${choice(shown, "what")} ${choice(shown, "targets")}
    ${part(shown, "waves", "Waves")} ${part(shown, "thresholds", "When to go on, to pause, to abort")} ${part(shown, "when", "When")}`;
}

/**
 * @param {Shown} shown
 * @param {string} id
 */
function choice(shown, id) {
  const { label, name, ways } = CHOICES[id];
  const { form, query, set } = shown;
  const filled = [...ways].reverse().find(([, , fields]) => fields.some((one) => form[one]));
  const way = query.get(name) ?? filled?.[0] ?? ways[0][0];
  const choose = (/** @type {string} */ value) => {
    const others = ways.filter(([other]) => other !== value).flatMap(([, , fields]) => fields);
    set({ [name]: value, ...Object.fromEntries(others.map((one) => [one, null])) });
  };
  return html`<fieldset class="panel"><legend>${label}</legend>
    <div class="row">${ways.map(([value, text]) => html`<label class="fleet-radio"><input type="radio" name="gw-rollout-${name}"
      value=${value} .checked=${way === value} @change=${() => choose(value)}> ${text}</label>`)}</div>
    <div class="fleet-fields">${(ways.find(([value]) => value === way)?.[2] ?? []).map((one) => field(shown, one))}
      ${id === "targets" ? field(shown, "join") : nothing}</div></fieldset>`;
}

/**
 * @param {Shown} shown
 * @param {string} id
 * @param {string} legend
 */
function part(shown, id, legend) {
  return html`<fieldset class="panel"><legend>${legend}</legend><div class="fleet-fields">
    ${FIELDS.filter((one) => one.part === id).map((one) => field(shown, one.id))}</div></fieldset>`;
}

/**
 * @param {Shown} shown
 * @param {string} id
 */
function field(shown, id) {
  const known = FIELDS.find((one) => one.id === id);
  if (!known) return nothing;
  const { form, wrong, set } = shown;
  const common = { id: `gw-rollout-${id}`, label: known.label, hint: known.hint, error: wrong[id], value: form[id] };
  const options = optionsOf(shown, id);
  if (options) {
    const listed = options.some(([value]) => value === form[id]);
    /** @type {[string, string][]} */
    const unlisted = form[id] && !listed ? [[form[id], form[id]]] : []; // what the address says stays
    return selectField({
      ...common, options: [["", id === "window" ? "None" : "Choose…"], ...options, ...unlisted],
      onChange: (/** @type {string} */ value) => set({ [id]: value, ...alongside(shown, id, value) }),
    });
  }
  const onInput = (/** @type {string} */ value) => set({ [id]: value });
  if (known.kind === "check") {
    return checkField({ ...common, value: form[id] === "1", onChange: (/** @type {boolean} */ on) => set({ [id]: on ? "1" : null }) });
  }
  return known.kind === "json" || id === "hosts" ? areaField({ ...common, onInput, rows: 2 }) : textField({ ...common, onInput });
}

/**
 * What there is to choose from; null: anything may be written.
 * @param {Shown} shown
 * @param {string} id
 * @returns {[string, string][] | null}
 */
function optionsOf({ operations, projects, groups, windows }, id) {
  const named = (/** @type {readonly any[]} */ some) => some.map((one) => /** @type {[string, string]} */ ([one.name, one.name]));
  if (id === "operation") return operations.map(({ name, summary }) => [name, `${name}: ${summary}`]);
  if (id === "project") return named(projects);
  if (id === "group_name") return named(groups);
  return id === "window" ? named(windows) : null;
}

/**
 * What is chosen along with it: of a project its newest revision.
 * @param {Shown} shown
 * @param {string} id
 * @param {string} value
 * @returns {Record<string, string | null>}
 */
function alongside({ projects }, id, value) {
  if (id !== "project") return {};
  const project = projects.find((one) => one.name === value);
  return { revision: project ? String(project.revision) : null };
}
