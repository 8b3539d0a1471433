/** Hosts put together by what they have in common: site, a label, agent, state, a saved group. Pure. */

import { term } from "../../core/selection.js";
import { natural } from "./health.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */
/**
 * @typedef {object} HostGroup
 * @property {string} id what the address says of it
 * @property {string} title
 * @property {string} q which selection it is; empty: those that none is of
 * @property {HostSummary[]} hosts
 */
/** @typedef {ReadonlyMap<string, ReadonlySet<string>>} Members hosts ("site/host") of each saved group */

const LABEL = "label.";

/** How hosts may be put together, besides by a label. @type {[string, string][]} */
const FIXED = [
  ["none", "Not grouped"],
  ["site", "Site"],
  ["state", "State"],
  ["agent", "Agent version"],
  ["group", "Saved group"],
];

/**
 * What one may choose: the fixed ones, and every label that some host has.
 * @param {Iterable<HostSummary>} hosts
 */
export function groupings(hosts) {
  /** @type {Set<string>} */
  const labels = new Set();
  for (const host of hosts) for (const name of Object.keys(host.labels)) labels.add(name);
  return [
    ...FIXED,
    ...[...labels].sort(natural).map((name) => /** @type {[string, string]} */ ([LABEL + name, `Label ${name}`])),
  ];
}

/** What a host says where there is one text for each. @type {Record<string, (host: HostSummary) => string>} */
const TEXTS = {
  site: (host) => host.site,
  state: (host) => host.state,
  agent: (host) => host.agent_version,
};

/**
 * Hosts in groups, by name; those that belong to none come last. A host may be in several saved groups.
 * @param {readonly HostSummary[]} hosts
 * @param {string} by
 * @param {Members} [members] for saved groups
 * @returns {HostGroup[]}
 */
export function grouped(hosts, by, members = new Map()) {
  if (by === "group") return bySavedGroup(hosts, members);
  const label = by.startsWith(LABEL) ? by.slice(LABEL.length) : null;
  const text = label === null ? TEXTS[by] : (/** @type {HostSummary} */ host) => host.labels[label] ?? "";
  if (!text) return [{ id: "all", title: "All hosts", q: "", hosts: [...hosts] }];
  /** @type {Map<string, HostSummary[]>} */
  const found = new Map();
  for (const host of hosts) {
    const value = text(host);
    const several = found.get(value);
    if (several) several.push(host);
    else found.set(value, [host]);
  }
  return [...found].sort(([a], [b]) => last(a, b) || natural(a, b)).map(([value, several]) => ({
    id: value || "-",
    title: value ? titleOf(by, value) : label === null ? "unknown" : `no label ${label}`,
    q: value ? term(by, value) : "",
    hosts: several,
  }));
}

/**
 * @param {readonly HostSummary[]} hosts
 * @param {Members} members
 * @returns {HostGroup[]}
 */
function bySavedGroup(hosts, members) {
  /** @type {Set<string>} */
  const seen = new Set();
  const groups = [...members].sort(([a], [b]) => natural(a, b)).map(([name, keys]) => {
    const inside = hosts.filter((host) => keys.has(`${host.site}/${host.host}`));
    for (const host of inside) seen.add(`${host.site}/${host.host}`);
    return { id: name, title: name, q: term("group", name), hosts: inside };
  });
  const others = hosts.filter((host) => !seen.has(`${host.site}/${host.host}`));
  if (others.length) groups.push({ id: "-", title: "in no group", q: "", hosts: others });
  return groups;
}

/**
 * @param {string} by
 * @param {string} value
 */
function titleOf(by, value) {
  return by.startsWith(LABEL) ? `${by.slice(LABEL.length)} ${value}` : value;
}

/**
 * An empty text after every other.
 * @param {string} a
 * @param {string} b
 */
function last(a, b) {
  return Number(a === "") - Number(b === "");
}
