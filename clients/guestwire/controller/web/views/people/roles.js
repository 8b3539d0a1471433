/** Roles on scopes: how they are told, and the fields with which one is given. */

import { html } from "lit";
import { ROLES } from "../../core/actions.js";
import { selectField } from "../../parts/field.js";

/** @typedef {{role: string, scope: string}} Binding */
/** @typedef {{map(kind: string): ReadonlyMap<string, any>}} LiveMaps */

/** What each may do, in a line. @type {Record<string, string>} */
export const ROLE_WORDS = {
  observer: "sees hosts and all that is about them",
  operator: "starts and stops guests, acknowledges alarms, runs rollouts",
  engineer: "edits and applies configurations, labels hosts",
  admin: "lets hosts in, and looks after people and connections",
};

/**
 * Where a role holds, in words.
 * @param {string} scope
 */
export function scopeWords(scope) {
  if (scope === "*") return "everything";
  const [kind, name] = scope.split(/:(.*)/s);
  return `${kind} ${name}`;
}

/** @param {readonly Binding[]} bindings */
export function rolesText(bindings) {
  return bindings.map((one) => `${one.role} on ${scopeWords(one.scope)}`).join(", ") || "none";
}

/** @param {readonly Binding[]} bindings */
export function roleChips(bindings) {
  if (!bindings.length) return html`<span class="muted">no role</span>`;
  return html`<span class="gw-chips">${bindings.map((one) => html`<span
    class="chip">${one.role} on ${scopeWords(one.scope)}</span>`)}</span>`;
}

/**
 * Everything that a role can be on: all, sites, groups, hosts.
 * @param {LiveMaps} live
 * @param {string} role a group gives no admin
 * @returns {[string, string][]}
 */
export function scopes(live, role = "") {
  const hosts = [...live.map("host").values()];
  const sites = [...new Set([...hosts, ...live.map("connection").values()].map((one) => one.site))].sort();
  const groups = role === "admin" ? [] : [...live.map("group").keys()].sort();
  return [
    ["*", "everything"],
    ...sites.map((one) => /** @type {[string, string]} */ ([`site:${one}`, `site ${one}`])),
    ...groups.map((one) => /** @type {[string, string]} */ ([`group:${one}`, `group ${one}`])),
    ...hosts.map((one) => /** @type {[string, string]} */ ([`host:${one.site}/${one.host}`,
      `host ${one.site}/${one.host}`])),
  ];
}

/**
 * Fields for one role.
 * @param {LiveMaps} live
 * @param {string} id the beginning of the ids
 * @param {Binding} value
 * @param {(value: Binding) => void} onChange
 */
export function roleFields(live, id, value, onChange) {
  const known = scopes(live, value.role);
  const give = (/** @type {string} */ role) => onChange({ role,
    scope: scopes(live, role).some(([scope]) => scope === value.scope) ? value.scope : "*" });
  return html`${selectField({ id: `${id}-role`, label: "Role", value: value.role, options: ROLES.map((one) => [one,
    `${one}: ${ROLE_WORDS[one]}`]),
      onChange: give })}
    ${selectField({ id: `${id}-scope`, label: "On", value: value.scope, options: known,
      onChange: (scope) => onChange({ ...value, scope }) })}`;
}
