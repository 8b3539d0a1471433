/** Why something could not be read or done, told at its place. */

import { html, nothing } from "lit";

/**
 * @param {unknown} error nothing is shown where there is none
 * @param {() => void} [again] what to do once more
 */
export function trouble(error, again) {
  if (!error) return nothing;
  return html`<p class="issue e" role="alert">
    <span aria-hidden="true">✕</span> ${words(error)}
    ${again ? html`<button type="button" class="button quiet" @click=${again}>Try again</button>` : nothing}
  </p>`;
}

/**
 * An error in words.
 * @param {unknown} error
 */
export function words(error) {
  const { detail = "", message = "" } = /** @type {{detail?: string, message?: string}} */ (error ?? {});
  return detail || message || "That did not work.";
}

/**
 * What is wrong with one field of a form.
 * @param {unknown} error
 * @param {string} field
 */
export function fieldTrouble(error, field) {
  if (!error) return "";
  const { field: named = null, errors = [] } =
    /** @type {{field?: string | null, errors?: {field: string, message: string}[]}} */ (error);
  const found = errors.find((one) => one.field === field || one.field.startsWith(`${field}.`));
  if (found) return found.message;
  return named === field ? words(error) : "";
}
