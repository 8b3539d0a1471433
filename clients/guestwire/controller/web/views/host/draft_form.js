/** A form for a part of a draft: its schema, its value, and edits that go to the draft. */

import { html } from "lit";
import { parts, pathText } from "../../core/edit_paths.js";
import { definition } from "../../core/schema.js";
import "../../parts/form.js";

/** @typedef {import("../../core/drafts.js").Draft} Draft */

/**
 * @typedef {object} Section
 * @property {any} schema of Desired, with $defs; null: not read yet
 * @property {string} model "HostSettings"
 * @property {Draft} draft
 * @property {readonly string[]} at the keys of the part: ["settings"], ["network", "lan"]
 * @property {any} value
 * @property {boolean} editable
 * @property {boolean} compare whether what differs from the host is marked
 * @property {readonly string[]} [only]
 * @property {Record<string, readonly string[]>} [offers]
 */

/** @param {Section} section */
export function draftForm({ schema, model, draft, at, value, editable, compare, only, offers = {} }) {
  if (!schema || !value) return html`<p class="muted" role="status">Reading ...</p>`;
  const place = (/** @type {string} */ path) => `${pathText(at)}.${path}`;
  return html`<gw-form .schema=${definitionOf(schema, model)} .value=${value} .only=${only ?? null} .read_only=${!editable} .offers=${offers}
    .place=${pathText(parts(pathText(at)))}
    .changed=${(/** @type {string} */ path) => compare && draft.changed(place(path))}
    .before=${(/** @type {string} */ path) => draft.before(place(path))}
    .issues=${(/** @type {string} */ path) => (compare ? draft.issuesAt(place(path)) : [])}
    @edit=${(/** @type {any} */ { detail }) => draft.edit([{ op: detail.op ?? "set", path: place(detail.path), value: detail.value }])}></gw-form>`;
}

/**
 * One object for a definition, however often it is asked for: a form makes its fields anew for another.
 * @type {WeakMap<object, Map<string, any>>}
 */
const MADE = new WeakMap();

/**
 * @param {any} schema
 * @param {string} model
 */
export function definitionOf(schema, model) {
  let made = MADE.get(schema);
  if (!made) MADE.set(schema, made = new Map());
  let found = made.get(model);
  if (!found) made.set(model, found = definition(schema, model));
  return found;
}
