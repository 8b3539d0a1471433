/** What somebody is told who may not see a page. */

import { html } from "lit";
import { empty } from "../../parts/empty.js";

/**
 * @param {string} text what it takes
 * @param {import("../../core/router.js").Router} router
 */
export function noRight(text, router) {
  return empty({ title: "Not for your role", text: html`${text} An administrator gives roles. What you may is on
    <a href=${router.href("/account")}>your account</a>.` });
}
