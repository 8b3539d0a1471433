/**
 * A rollout as people fill it in: texts, which the address keeps, and what becomes of them: the rollout that the API takes, and the
 * line that starts the same from a shell. Pure.
 */

import { word } from "../../core/command_line.js";

/** @typedef {import("../../types/api.js").components["schemas"]["RolloutSpec-Input"]} RolloutSpec */
/**
 * @typedef {object} Field
 * @property {string} id its name in the address
 * @property {string} label
 * @property {string} [hint]
 * @property {string} part which part of the form it is in
 * @property {string} field where the controller's errors have it
 * @property {"text" | "json" | "share" | "canary" | "count" | "percent" | "factor" | "span" | "check"} kind
 * @property {string} [option] of the command line
 */

const SPAN_HINT = "As 90s, 15m, 12h or 7d.";
const SHARE_HINT = "A number of hosts, or a percentage as 10%.";

/** @type {readonly Field[]} */
export const FIELDS = [
  { id: "name", part: "what", label: "Name", field: "name", kind: "text", hint: "What people call this rollout." },
  { id: "operation", part: "what", label: "Operation", field: "operation", kind: "text", option: "--operation" },
  {
    id: "body", part: "what", label: "Request", field: "body",
    kind: "json", option: "--body", hint: 'The operation\'s request as JSON, as {"guest": "web"}; nothing: {}.',
  },
  { id: "project", part: "what", label: "Project", field: "project", kind: "text" },
  { id: "revision", part: "what", label: "Revision of the project", field: "project.revision", kind: "count" },
  {
    id: "restart", part: "what", label: "Restart running guests where a change needs it", field: "project.restart",
    kind: "check", option: "--restart",
  },
  {
    id: "q", part: "targets", label: "Selection", field: "targets.selection",
    kind: "text", option: "--select", hint: "As label.line=3 state=online.",
  },
  { id: "group_name", part: "targets", label: "Group", field: "targets.group", kind: "text", option: "--group" },
  {
    id: "hosts", part: "targets", label: "Hosts", field: "targets.hosts",
    kind: "text", hint: "SITE/HOST, with commas between them.",
  },
  {
    id: "join", part: "targets", label: "Also hosts that match within", field: "open_s",
    kind: "span", option: "--join", hint: `Nothing: only those that match at the start. ${SPAN_HINT}`,
  },
  {
    id: "canary", part: "waves", label: "Canary", field: "waves.canary",
    kind: "canary", option: "--canary", hint: "These go first, alone: a number, a percentage, or hosts with commas.",
  },
  {
    id: "size", part: "waves", label: "Hosts in a wave", field: "waves.size",
    kind: "share", option: "--wave", hint: `${SHARE_HINT} Nothing: all in one wave.`,
  },
  {
    id: "rate", part: "waves", label: "Hosts begun in a minute", field: "waves.base_rate",
    kind: "count", option: "--rate", hint: "Nothing: all of a wave at once.",
  },
  {
    id: "factor", part: "waves", label: "Each wave faster by", field: "waves.factor",
    kind: "factor", option: "--factor", hint: "As 2 for twice the rate of the wave before.",
  },
  {
    id: "fastest", part: "waves", label: "But at most, in a minute", field: "waves.max_rate",
    kind: "count", option: "--max-rate",
  },
  {
    id: "soak", part: "waves", label: "Watch a wave for", field: "soak_s",
    kind: "span", option: "--soak", hint: `Before the next begins. ${SPAN_HINT}`,
  },
  {
    id: "success", part: "thresholds", label: "Success of a wave before the next (%)", field: "thresholds.success_percent",
    kind: "percent", option: "--success", hint: "Nothing: 90.",
  },
  {
    id: "pause", part: "thresholds", label: "Pause at failures", field: "thresholds.pause",
    kind: "share", option: "--pause-at", hint: SHARE_HINT,
  },
  {
    id: "abort", part: "thresholds", label: "Abort at failures", field: "thresholds.abort",
    kind: "share", option: "--abort-at", hint: SHARE_HINT,
  },
  {
    id: "attempts", part: "thresholds", label: "Attempts for each host", field: "attempts.most",
    kind: "count", option: "--attempts", hint: "Nothing: one.",
  },
  {
    id: "deadline", part: "when", label: "Time for each host once its turn has come", field: "deadline_s",
    kind: "span", option: "--deadline", hint: `Nothing: one day. ${SPAN_HINT}`,
  },
  {
    id: "window", part: "when", label: "Maintenance window", field: "window",
    kind: "text", option: "--window", hint: "No host is begun outside of it.",
  },
  { id: "note", part: "when", label: "What it is for", field: "note", kind: "text", option: "--note" },
];

/** @typedef {Record<string, string>} Form texts by field; a check is "1" or "" */

/**
 * What the address says.
 * @param {URLSearchParams} query
 * @returns {Form}
 */
export function formOf(query) {
  return Object.fromEntries(FIELDS.map(({ id }) => [id, query.get(id) ?? ""]));
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Seconds: "90s", "15m", "12h", "7d", or a number of them. NaN: it is none.
 * @param {string} text
 */
export function seconds(text) {
  const said = /^(\d{1,9})\s*([smhd]?)$/.exec(text.trim());
  return said ? Number(said[1]) * UNITS[/** @type {keyof typeof UNITS} */ (said[2] || "s")] : NaN;
}

/** @param {string} text @returns {{count: number} | {percent: number} | null} */
function share(text) {
  const said = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim());
  if (!said) return null;
  if (said[2]) return { percent: Number(said[1]) };
  return said[1].includes(".") ? null : { count: Number(said[1]) };
}

const HOSTS = /^[a-z0-9-]{1,36}\/[a-z0-9-]{1,36}$/;

/** @param {string} text */
function hostsOf(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** What a text is; a string: what is wrong with it. @type {Record<Field["kind"], (text: string) => unknown | {wrong: string}>} */
const READ = {
  text: (text) => text,
  check: (text) => text === "1",
  count: (text) => (/^\d+$/.test(text) && Number(text) > 0 ? Number(text) : wrong("Write a whole number.")),
  percent: (text) => (Number(text) > 0 && Number(text) <= 100 ? Number(text) : wrong("Write a number up to 100.")),
  factor: (text) => (Number(text) >= 1 ? Number(text) : wrong("Write a number from 1 on.")),
  span: (text) => (Number.isNaN(seconds(text)) ? wrong(SPAN_HINT) : seconds(text)),
  share: (text) => share(text) ?? wrong(SHARE_HINT),
  canary: (text) => share(text) ?? (hostsOf(text).every((host) => HOSTS.test(host)) ? { hosts: hostsOf(text) }
    : wrong("A number, 10%, or SITE/HOST with commas.")),
  json: (text) => {
    try {
      const value = JSON.parse(text);
      return value && typeof value === "object" && !Array.isArray(value) ? value : wrong("It is an object: {...}.");
    } catch (error) {
      return wrong(`This is no JSON: ${/** @type {Error} */ (error).message}`);
    }
  },
};

/** @param {string} text @returns {{wrong: string}} */
function wrong(text) {
  return { wrong: text };
}

/**
 * The rollout that a form says, as the API takes it. `wrong`: by field, what must be mended first.
 * @param {Form} form
 * @returns {{spec: RolloutSpec, wrong: Record<string, string>}}
 */
export function specOf(form) {
  /** @type {Record<string, any>} */
  const said = {};
  /** @type {Record<string, string>} */
  const bad = {};
  for (const { id, kind } of FIELDS) {
    const text = (form[id] ?? "").trim();
    if (!text) continue;
    const value = /** @type {any} */ (READ[kind](text));
    if (value && typeof value === "object" && typeof value.wrong === "string") bad[id] = value.wrong;
    else said[id] = value;
  }
  if (!said.name) bad.name ??= "Give it a name.";
  if (!said.operation && !said.project) bad.operation ??= "Choose an operation, or a project.";
  if (said.project && !said.revision) bad.revision ??= "Which revision of the project?";
  const targets = targetsOf(said);
  if (!targets) bad.q ??= "Say which hosts: a selection, a group, or some hosts.";
  return { spec: /** @type {RolloutSpec} */ (specOfValues(said, targets ?? {})), wrong: bad };
}

/** @param {Record<string, any>} said */
function targetsOf(said) {
  if (said.hosts) return { hosts: hostsOf(said.hosts) };
  if (said.group_name) return { group: said.group_name };
  return said.q ? { selection: said.q } : null;
}

/**
 * @param {Record<string, any>} said
 * @param {object} targets
 */
function specOfValues(said, targets) {
  return without({
    name: said.name, note: said.note, window: said.window, targets, soak_s: said.soak, deadline_s: said.deadline,
    ...(said.project ? { project: without({ name: said.project, revision: said.revision, restart: said.restart }) }
      : { operation: said.operation, body: said.body }),
    ...(said.join ? { mode: "continuous", open_s: said.join } : {}),
    waves: without({ canary: said.canary, size: said.size, base_rate: said.rate, factor: said.factor, max_rate: said.fastest }),
    thresholds: without({
      success_percent: said.success, pause_percent: said.pause?.percent, pause_count: said.pause?.count,
      abort_percent: said.abort?.percent, abort_count: said.abort?.count,
    }),
    attempts: without({ most: said.attempts }),
  });
}

/**
 * Only what was said: what is left out is as the controller has it.
 * @param {Record<string, any>} values
 */
function without(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) =>
    value !== undefined && value !== "" && !(value && typeof value === "object" && !Object.keys(value).length)));
}

/**
 * The line that does the same.
 * @param {Form} form
 * @param {"start" | "preview"} [verb]
 */
export function rolloutCli(form, verb = "start") {
  const words = [`guestwire rollout ${verb} ${word(form.name?.trim() || "NAME")}`];
  const project = form.project?.trim();
  if (project) words.push(`--project ${word(`${project}@${form.revision?.trim() || "REVISION"}`)}`);
  for (const host of hostsOf(form.hosts ?? "")) words.push(`--host ${word(host)}`);
  const others = form.hosts ? ["q", "group_name"] : form.group_name ? ["q"] : [];
  const unmeant = [...(project ? ["operation", "body"] : ["restart"]), ...others];
  for (const { id, option, kind } of FIELDS) {
    const text = (form[id] ?? "").trim();
    if (!option || !text || unmeant.includes(id)) continue;
    if (kind === "check") words.push(option);
    else words.push(`${option} ${word(kind === "span" && !Number.isNaN(seconds(text)) ? String(seconds(text)) : text)}`);
  }
  if (verb === "start") words.push("--watch");
  return words.join(" ");
}

/**
 * The field that an error of the controller is about: "waves.canary.count" is about the canary. undefined: about none.
 * @param {string | null | undefined} path
 */
export function fieldOf(path) {
  if (!path) return undefined;
  const way = path.replace(/^body\./, "");
  const fits = FIELDS.filter(({ field }) => way === field || [".", "_", "["].some((next) => way.startsWith(field + next)));
  const nearest = fits.sort((one, other) => other.field.length - one.field.length)[0];
  return nearest?.id ?? (way.startsWith("targets") ? "q" : undefined);
}
