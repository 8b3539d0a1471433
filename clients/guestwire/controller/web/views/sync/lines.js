/**
 * Changes as lines, tinted, with a sign for the eye and a word for whoever does not see it; and links to the fields
 * they are about.
 */

import { html, nothing } from "lit";
import { pageOf, parts } from "../../core/places.js";
import { SIGNS } from "../../core/plan.js";

/** @typedef {import("../../core/plan.js").Line} Line */
/** @typedef {import("../../core/services.js").Services} Services */

/**
 * The address of the field that a place is about, in Config mode.
 * @param {Services} services
 * @param {string} host "site/host"
 * @param {string} path
 */
export function fieldHref(services, host, path) {
  const document = services.drafts.of(host).document ?? services.drafts.of(host).active;
  const there = (/** @type {string} */ name) => !document
    || document.guests.some((/** @type {any} */ one) => one.name === name);
  return services.router.hostHref(host, pageOf(path, there), { mode: "config", field: path });
}

/**
 * What a line says without its sign: `cpus: 15 → 14, 15`.
 * @param {Line} line
 */
export function lineText(line) {
  const whole = parts(line.path).length === 2 && !line.path.startsWith("settings") && !line.path.startsWith("policy");
  if (line.kind === "changed") return `${line.label}: ${line.before} → ${line.after}`;
  const value = line.kind === "added" ? line.after : line.before;
  return whole ? line.label : `${line.label}: ${value}`;
}

/**
 * A line that stands alone, and so says whose it is.
 * @param {Line} line
 * @returns {Line}
 */
export function withGroup(line) {
  return { ...line, label: `${line.group}: ${line.label}` };
}

/**
 * @param {Line} line
 * @param {string} [href] where the field is
 */
export function changeLine(line, href = "") {
  const { sign, word } = SIGNS[line.kind];
  const said = html`<span aria-hidden="true">${sign}</span><span class="sr">${word}</span> ${lineText(line)}`;
  const title = line.kind === "changed" ? nothing : line.kind === "added" ? line.after : line.before;
  return html`<li class="sync-line ${line.kind}" title=${title}>${href ? html`<a href=${href}>${said}</a>`
    : html`<span>${said}</span>`}</li>`;
}
