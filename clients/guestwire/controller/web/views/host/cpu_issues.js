/** Which rows and columns of the CPU matrix an issue is about. Pure: by its place in the document and what else takes part. */

import { HOST } from "../../core/cpu_plan.js";

/** @typedef {import("../../core/cpu_plan.js").CpuPlan} CpuPlan */
/** @typedef {import("../../core/cpuset.js").Cpu} Cpu */
/** @typedef {import("./issue_list.js").Issue} Issue */

const FIELDS = new Set(["cpuset", "vcpus", "numatune", "topology"]);
/** How codes begin that are about CPUs, whatever their place. */
const OF_CPUS = ["CPU", "GP-CPU", "TOPO-MISMATCH"];
const SIDES = new Set(["CPU-OVERLAP", "CPU-RT-EXCLUSIVE", "CPU-SMT-OWNED"]);

/**
 * @param {readonly Issue[]} issues all of a draft
 * @param {CpuPlan} plan
 * @param {readonly Cpu[]} cpus
 */
export function cpuIssues(issues, plan, cpus) {
  /** @type {Map<number, Issue[]>} */
  const rows = new Map();
  /** @type {Map<string, Issue[]>} */
  const heads = new Map();
  /** @type {Issue[]} */
  const list = [];
  const siblings = new Map(cpus.map((cpu) => [cpu.id, cpu.siblings]));
  for (const issue of issues) {
    const keys = [issue.path, ...(issue.related ?? [])].map((path) => columnOf(path, plan));
    if (keys[0] === null && !OF_CPUS.some((start) => issue.code.startsWith(start))) continue;
    list.push(issue);
    for (const key of keys) if (key !== null) add(heads, key, issue);
    if (!SIDES.has(issue.code) || keys[0] === null || (keys[1] ?? null) === null) continue;
    for (const cpu of meeting(plan, keys[0], /** @type {string} */ (keys[1]), siblings)) add(rows, cpu, issue);
  }
  return { rows, heads, list };
}

/**
 * The column that a path is about, null: none.
 * @param {string} path
 * @param {CpuPlan} plan
 */
function columnOf(path, plan) {
  if (path === "host_cpuset") return HOST;
  if (!path.startsWith("guests.")) return null;
  const at = path.lastIndexOf(".");
  if (!FIELDS.has(path.slice(at + 1))) return null;
  const name = path.slice("guests.".length, at).replace(/^(["'])(.*)\1$/, "$2");
  return plan.columns.some((column) => column.key === name) ? name : null;
}

/**
 * The CPUs where one meets the cores of another.
 * @param {CpuPlan} plan
 * @param {string} one
 * @param {string} other
 * @param {Map<number, readonly number[]>} siblings
 */
function meeting(plan, one, other, siblings) {
  const [left, right] = [one, other].map((key) => plan.columns.find((column) => column.key === key)?.cpus ?? new Set());
  return [...left].filter((cpu) => right.has(cpu) || (siblings.get(cpu) ?? []).some((sibling) => right.has(sibling)));
}

/**
 * @template K
 * @param {Map<K, Issue[]>} map
 * @param {K} key
 * @param {Issue} issue
 */
function add(map, key, issue) {
  const found = map.get(key);
  if (!found) map.set(key, [issue]);
  else if (!found.includes(issue)) found.push(issue);
}
