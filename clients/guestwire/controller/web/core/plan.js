/**
 * What a plan comes to: its changes as lines, by effect, and its impact. Pure: nothing is asked and nothing is
 * rendered.
 */

import { counted, duration } from "./format.js";
import { itemPlace, named, valueWords } from "./places.js";

/** @typedef {import("../types/api.js").components["schemas"]["PlanItem"]} PlanItem */
/** @typedef {import("../types/api.js").components["schemas"]["Plan"]} Plan */
/** @typedef {{path: string, before?: unknown, after?: unknown}} Changed */
/** @typedef {"added" | "removed" | "changed"} Kind */
/** @typedef {{kind: Kind, path: string, group: string, label: string, before: string, after: string}} Line */
/** @typedef {{id: string, label: string, says: string}} Effect */
/**
 * @typedef {{restarts: string[], waits: string[], comm: boolean, reboot: boolean, reasons: string[],
 *   affected: string[], outage_s: number, risk: number, text: string}} Impact
 */

/** What it takes for a change to be true, the least first. @type {readonly Effect[]} */
export const EFFECTS = [
  { id: "live", label: "Live", says: "True at once, nothing stops." },
  { id: "guest_restart", label: "Guest restart", says: "True once the guest is off and on again." },
  { id: "comm_restart", label: "Communication restart", says: "Areas and events are away for a moment." },
  { id: "host_reboot", label: "Host reboot", says: "True once the host was rebooted." },
];

/**
 * A kind of change as a sign, and as a word for whoever does not see it.
 * @type {Record<Kind, {sign: string, word: string}>}
 */
export const SIGNS = {
  added: { sign: "+", word: "added" },
  removed: { sign: "−", word: "removed" },
  changed: { sign: "~", word: "changed" },
};

/** The classes of risk, as the operations have them. @type {readonly string[]} */
export const RISKS = ["reads only", "can be taken back", "disrupts what runs", "destroys data"];

/** @param {number} risk */
export function riskWords(risk) {
  return `R${risk}, ${RISKS[risk] ?? "unknown"}`;
}

/** Operations of items that bring or take something as a whole. @type {Record<string, Kind>} */
const KINDS = { create: "added", attach: "added", delete: "removed", detach: "removed" };

/**
 * An item's text values are JSON.
 * @param {string | null | undefined} text
 * @returns {unknown}
 */
export function parsed(text) {
  if (text === null || text === undefined) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * What was there and what comes, in words.
 * @param {Changed} change
 * @param {Kind} [kind]
 * @returns {Line}
 */
export function line(change, kind = kindOf(change)) {
  const { group, label } = named(change.path);
  return {
    kind, path: change.path, group, label, before: valueWords(change.path, change.before),
    after: valueWords(change.path, change.after),
  };
}

/**
 * The kind of a change by its values: something that was not there is added, a list that grew too.
 * @param {Changed} change
 * @returns {Kind}
 */
function kindOf({ before, after }) {
  if (empty(before) && !empty(after)) return "added";
  return !empty(before) && empty(after) ? "removed" : "changed";
}

/** @param {unknown} value */
function empty(value) {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

/**
 * @param {PlanItem} item
 * @returns {Line}
 */
export function itemLine(item) {
  const change = { path: itemPlace(item), before: parsed(item.before), after: parsed(item.after) };
  return line(change, KINDS[item.op] ?? kindOf(change));
}

/**
 * Lines under the names of what they are about, in the order in which those come first.
 * @template {Line} L
 * @param {readonly L[]} lines
 * @returns {{group: string, lines: L[]}[]}
 */
export function grouped(lines) {
  /** @type {Map<string, L[]>} */
  const groups = new Map();
  for (const one of lines) {
    const several = groups.get(one.group) ?? [];
    several.push(one);
    groups.set(one.group, several);
  }
  return [...groups].map(([group, several]) => ({ group, lines: several }));
}

/**
 * Items by what it takes for them to be true, the gravest last; effects without items are left out.
 * @param {readonly PlanItem[]} items
 * @returns {{effect: Effect, items: PlanItem[], outage_s: number}[]}
 */
export function byEffect(items) {
  return EFFECTS.map((effect) => {
    const several = items.filter((item) => (item.effect ?? "live") === effect.id);
    return { effect, items: several, outage_s: outage(several) };
  }).filter((one) => one.items.length > 0);
}

/**
 * How long what runs is interrupted: a guest is restarted once, however much of it changes; one guest after the other.
 * @param {readonly PlanItem[]} items
 */
export function outage(items) {
  /** @type {Map<string, number>} */
  const each = new Map();
  for (const item of items) each.set(item.object, Math.max(each.get(item.object) ?? 0, item.outage_s ?? 0));
  return [...each.values()].reduce((sum, one) => sum + one, 0);
}

/**
 * What changes come to.
 * @param {readonly PlanItem[]} items
 * @param {readonly string[]} running names of the guests that run
 * @returns {Impact}
 */
export function impact(items, running) {
  const on = new Set(running);
  const restarts = new Set();
  const waits = new Set();
  const affected = new Set();
  const reasons = new Set();
  let [comm, reboot, risk] = [false, false, 0];
  for (const item of items) {
    const guest = /^guests\./.test(item.object) ? named(item.object).group.replace("guests / ", "") : "";
    risk = Math.max(risk, item.risk ?? 1);
    if (item.effect === "host_reboot") {
      reboot = true;
      reasons.add(itemLine(item).label);
    }
    if (/** @type {string} */ (item.effect) === "comm_restart") comm = true;
    if (item.effect !== "guest_restart" || !guest || !on.has(guest)) continue;
    (item.outage_s ? restarts : waits).add(guest);
    if (item.outage_s) affected.add(guest);
  }
  if (reboot) for (const guest of on) affected.add(guest);
  const made = {
    restarts: [...restarts], waits: [...waits].filter((one) => !restarts.has(one)), comm, reboot, reasons: [...reasons],
    affected: [...affected], outage_s: outage(items), risk,
  };
  return { ...made, text: impactWords(made) };
}

/** @param {Omit<Impact, "text">} found */
function impactWords({ restarts, waits, comm, reboot, reasons, affected, outage_s }) {
  const said = [];
  if (restarts.length) said.push(`${restarts.join(", ")} ${restarts.length === 1 ? "restarts" : "restart"}`);
  if (waits.length) said.push(`${waits.join(", ")} ${waits.length === 1 ? "has" : "have"} it after the next start`);
  if (comm) said.push("communication restarts");
  if (reboot) said.push(`host reboot for ${reasons.join(", ")}`);
  if (!said.length) return "Nothing that runs is interrupted.";
  const text = said.join(", ");
  const guests = affected.length ? ` ${counted(affected.length, "guest")} affected` : "";
  const time = outage_s ? `${guests ? ", est." : " Est."} ${duration(outage_s * 1000)} outage` : "";
  return `${text}.${guests}${time}${guests || time ? "." : ""}`;
}

/** How a draft stands. @type {Record<string, string>} */
export const DRAFT_STATES = {
  none: "No draft.",
  clean: "Nothing differs from the host.",
  dirty: "Edited, not applied.",
  behind: "The host has changed since this draft was begun; the draft has no edits of its own.",
  diverged: "The host has changed since this draft was edited.",
};

/**
 * Checks that people are told of when they hold, by the codes that say otherwise.
 * @type {readonly {codes: string[], says: string}[]}
 */
export const HOLDS = [
  { codes: ["CPU-OVERLAP", "CPU-RT-EXCLUSIVE", "CPU-SMT-OWNED"], says: "no CPU claimed by two real-time guests" },
  { codes: ["CPU-HOST-STARVED", "CPU-ZERO-RT"], says: "the host keeps a CPU of its own" },
  { codes: ["MEM-HOST-RESERVE", "MEM-NODE-SHORT", "HUGEPAGES-SHORT"],
    says: "the memory is enough for the host and its guests" },
  { codes: ["NAME-DUP", "GUEST-ID-DUP", "AREA-DUP", "EVENT-DUP"], says: "every name and identifier is used once" },
  { codes: ["NET-MAC-DUP", "NET-IP-DUP", "NET-CIDR-OVERLAP"], says: "no address is used twice" },
];

/**
 * What holds: a check none of whose codes was found, and all of whose facts were there.
 * @param {readonly {code: string}[]} issues
 * @param {readonly string[]} not_checked
 */
export function holding(issues, not_checked) {
  const found = new Set([...issues.map((issue) => issue.code), ...not_checked]);
  return HOLDS.filter((check) => !check.codes.some((code) => found.has(code))).map((check) => check.says);
}
