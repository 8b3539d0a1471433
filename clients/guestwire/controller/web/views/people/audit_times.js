/** From when to when of a log, as fields and as the API wants it. */

import { textField } from "../../parts/field.js";

/**
 * A moment of a date-and-time field as Unix ms; null: none.
 * @param {string | null} text
 */
export function momentOf(text) {
  const at = text ? new Date(text).getTime() : Number.NaN;
  return Number.isFinite(at) ? at : null;
}

/**
 * @param {string} id the beginning of the ids
 * @param {URLSearchParams} query
 * @param {import("../../core/router.js").Router} router
 */
export function timeFields(id, query, router) {
  return [["since", "From"], ["until", "Until"]].map(([name, label]) => textField({
    id: `${id}-${name}`, label, type: "datetime-local", value: query.get(name) ?? "", onInput: (value) =>
      router.set({ [name]: value || null }),
  }));
}
