/**
 * The CPUSET grammar of KVM-RT, as the hosts read it: `["~"] item ("," item)*`, an item a number or a range, with n (NUMA
 * node), c (core), d (die), p (package) or nothing (CPU) before both ends; a leading ~ inverts the whole set. Groups mean
 * all their CPUs, and ~ all CPUs of the machine, online or not. Pure; which sets make sense is for the rules.
 */

/** @typedef {"" | "n" | "c" | "d" | "p"} Prefix */
/** @typedef {{prefix: Prefix, first: number, last: number}} Item */
/** @typedef {{items: Item[], inverted: boolean}} Cpuset */
/**
 * @typedef {object} Cpu a logical CPU, as the inventory has it
 * @property {number} id
 * @property {number} node
 * @property {number | null} core
 * @property {number} die
 * @property {number} package
 * @property {readonly number[]} siblings
 * @property {boolean} online
 * @property {string} kind "P", "E" or "-"
 * @property {boolean} [isolated]
 */

const ITEM = /^([ncdp]?)([0-9]{1,6})(?:-([ncdp]?)([0-9]{1,6}))?$/;

/** @type {Record<Prefix, (cpu: Cpu) => number | null>} */
const PLACES = {
  "": (cpu) => cpu.id,
  n: (cpu) => cpu.node,
  c: (cpu) => cpu.core,
  d: (cpu) => cpu.die,
  p: (cpu) => cpu.package,
};

/** @type {Record<Prefix, string>} */
const WORDS = { "": "CPU", n: "NUMA node", c: "core", d: "die", p: "package" };

/** A set that cannot be read (CPUSET-SYNTAX), or names what the machine has not (CPUSET-UNKNOWN). */
export class CpusetError extends Error {
  /**
   * @param {"CPUSET-SYNTAX" | "CPUSET-UNKNOWN"} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * The set as it is written.
 * @param {string} text
 * @returns {Cpuset} Throws CpusetError, naming the item that is wrong.
 */
export function parse(text) {
  const inverted = text.startsWith("~");
  return { items: text.slice(inverted ? 1 : 0).split(",").map(item), inverted };
}

/**
 * @param {string} part
 * @returns {Item}
 */
function item(part) {
  const match = ITEM.exec(part);
  if (!match) throw syntax(`'${part}' is not an item of a CPU set`);
  const prefix = /** @type {Prefix} */ (match[1]);
  const first = Number(match[2]);
  if (match[4] === undefined) return { prefix, first, last: first };
  const last = Number(match[4]);
  if (match[3] !== match[1]) throw syntax(`'${part}' has different prefixes at its ends`);
  if (last < first) throw syntax(`'${part}' ends before it begins`);
  return { prefix, first, last };
}

/** @param {string} message */
function syntax(message) {
  return new CpusetError("CPUSET-SYNTAX", message);
}

/**
 * The CPUs that a set means on a machine.
 * @param {Cpuset | string} cpuset
 * @param {readonly Cpu[]} cpus
 * @returns {Set<number>} Throws CpusetError.
 */
export function expand(cpuset, cpus) {
  const parsed = typeof cpuset === "string" ? parse(cpuset) : cpuset;
  /** @type {Set<number>} */
  const chosen = new Set();
  for (const { prefix, first, last } of parsed.items) {
    const place = PLACES[prefix];
    const met = new Set();
    for (const cpu of cpus) {
      const where = place(cpu);
      if (where === null || where < first || where > last) continue;
      met.add(where);
      chosen.add(cpu.id);
    }
    if (met.size !== last - first + 1) {
      let missing = first;
      while (met.has(missing)) missing += 1;
      throw new CpusetError("CPUSET-UNKNOWN", `the host has no ${WORDS[prefix]} ${missing}`);
    }
  }
  if (!parsed.inverted) return chosen;
  return new Set(cpus.map((cpu) => cpu.id).filter((id) => !chosen.has(id)));
}

/**
 * The shortest plain list of CPUs, ascending with ranges joined: "0-3,7"; "" for none.
 * @param {Iterable<number>} cpus
 */
export function listText(cpus) {
  /** @type {[number, number][]} */
  const ranges = [];
  for (const cpu of [...new Set(cpus)].sort((a, b) => a - b)) {
    const last = ranges[ranges.length - 1];
    if (last && last[1] === cpu - 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}

/**
 * The numbers of a plain list ("0-3,7"): an ID set such as numatune's.
 * @param {string} text
 * @returns {Set<number>} Throws CpusetError.
 */
export function numbers(text) {
  /** @type {Set<number>} */
  const found = new Set();
  for (const part of text.split(",").map((one) => one.trim()).filter(Boolean)) {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part);
    if (!match) throw syntax(`'${part}' is not an item of a list`);
    for (let one = Number(match[1]); one <= Number(match[2] ?? match[1]); one += 1) found.add(one);
  }
  return found;
}
