/**
 * Who has which CPUs of a host under a configuration, and the edits that change it. Pure: the matrix shows what this says.
 * The pinning is that of the hosts: the CPUs of an rt guest in ascending order go to its vCPUs, what remains to its other
 * threads; in profile kvm-rt it owns whole cores, of which one CPU carries a thread.
 */

import { CpusetError, expand, listText } from "./cpuset.js";
import { pathText } from "./edit_paths.js";

/** @typedef {import("./cpuset.js").Cpu} Cpu */
/** @typedef {{op: "set" | "default", path: string, value?: unknown}} Edit */
/**
 * @typedef {object} Column HOST, or a guest
 * @property {string} key "" for HOST, else the guest's name
 * @property {string} label
 * @property {"host" | "rt" | "gp_comm" | "gp"} kind
 * @property {boolean} bound whether it names its CPUs; a guest that does not may run on any that no rt guest has
 * @property {Set<number>} cpus those it has
 * @property {string} trouble why its set means nothing, "" else
 * @property {number} vcpus
 * @property {Map<number, string>} pins what runs on a CPU of an rt guest: the number of a vCPU, "e" for its other threads
 * @property {boolean} disabled
 * @property {string} id what tells the same guest in two configurations
 */
/** @typedef {{columns: Column[], owner: Map<number, string>, downed: Set<number>}} CpuPlan */

export const HOST = "";

/**
 * @param {any} desired
 * @param {readonly Cpu[]} cpus
 * @returns {CpuPlan}
 */
export function cpuPlan(desired, cpus) {
  const guests = desired.guests ?? [];
  const kvmRt = desired.policy?.profile !== "system-manager";
  const online = new Set(cpus.filter((cpu) => cpu.online).map((cpu) => cpu.id));
  const siblings = new Map(cpus.map((cpu) => [cpu.id, cpu.siblings]));
  /** @type {Column[]} */
  const columns = guests.map((/** @type {any} */ guest) => guestColumn(guest, cpus));
  /** @type {Map<number, string>} */
  const owner = new Map();
  /** @type {Set<number>} */
  const downed = new Set();
  const named = new Set();
  for (const column of columns) {
    if (column.kind !== "rt" || !column.bound) continue;
    for (const cpu of column.cpus) named.add(cpu);
    if (column.disabled) continue;
    const own = kvmRt ? oneOfEachCore(column.cpus, siblings) : [...column.cpus].sort((a, b) => a - b);
    for (const cpu of column.cpus) {
      owner.set(cpu, column.key);
      if (!kvmRt) continue;
      for (const other of siblings.get(cpu) ?? []) if (!owner.has(other)) owner.set(other, column.key);
    }
    if (kvmRt) for (const cpu of own) for (const other of siblings.get(cpu) ?? []) downed.add(other);
    column.pins = pins(own, column.vcpus, kvmRt);
  }
  for (const column of columns) {
    if (!column.bound && !column.trouble) column.cpus = new Set([...online].filter((cpu) => !owner.has(cpu)));
  }
  return { columns: [hostColumn(desired, cpus, online, named), ...columns], owner, downed };
}

/**
 * @param {any} guest
 * @param {readonly Cpu[]} cpus
 * @returns {Column}
 */
function guestColumn(guest, cpus) {
  const { set, trouble } = expanded(guest.cpuset ?? null, cpus);
  return {
    key: guest.name, label: guest.name, kind: guest.kind ?? "gp", bound: (guest.cpuset ?? null) !== null, cpus: set, trouble,
    vcpus: guest.vcpus ?? 1, pins: new Map(), disabled: Boolean(guest.disabled), id: guest.id ?? guest.uuid ?? guest.name,
  };
}

/**
 * @param {any} desired
 * @param {readonly Cpu[]} cpus
 * @param {Set<number>} online
 * @param {Set<number>} named by rt guests
 * @returns {Column}
 */
function hostColumn(desired, cpus, online, named) {
  const bound = (desired.host_cpuset ?? null) !== null;
  const { set, trouble } = expanded(desired.host_cpuset ?? null, cpus);
  return {
    key: HOST, label: "HOST", kind: "host", bound, trouble, vcpus: 0, pins: new Map(), disabled: false, id: "HOST",
    cpus: bound ? set : new Set([...online].filter((cpu) => !named.has(cpu))),
  };
}

/**
 * @param {string | null} text
 * @param {readonly Cpu[]} cpus
 * @returns {{set: Set<number>, trouble: string}}
 */
function expanded(text, cpus) {
  if (text === null) return { set: new Set(), trouble: "" };
  try {
    return { set: expand(text, cpus), trouble: "" };
  } catch (error) {
    if (!(error instanceof CpusetError)) throw error;
    return { set: new Set(), trouble: `${error.code}: ${error.message}` };
  }
}

/**
 * @param {Set<number>} cpus
 * @param {Map<number, readonly number[]>} siblings
 */
function oneOfEachCore(cpus, siblings) {
  const lowest = [...cpus].filter((cpu) => !(siblings.get(cpu) ?? []).some((other) => other < cpu && cpus.has(other)));
  return lowest.sort((a, b) => a - b);
}

/**
 * @param {readonly number[]} own ascending
 * @param {number} vcpus
 * @param {boolean} kvmRt
 * @returns {Map<number, string>}
 */
function pins(own, vcpus, kvmRt) {
  /** @type {Map<number, string>} */
  const found = new Map(own.slice(0, vcpus).map((cpu, number) => [cpu, String(number)]));
  for (const cpu of kvmRt ? own.slice(vcpus) : []) found.set(cpu, "e");
  return found;
}

/**
 * How a CPU is used, in one word.
 * @param {Cpu} cpu
 * @param {CpuPlan} plan
 * @returns {"offline" | "isolated" | "shared" | "host" | "guest" | "unused"}
 */
export function policy(cpu, plan) {
  if (!cpu.online) return "offline";
  if (plan.owner.has(cpu.id)) return "isolated";
  const host = plan.columns[0].cpus.has(cpu.id);
  const guest = plan.columns.slice(1).some((column) => !column.disabled && column.cpus.has(cpu.id));
  return host ? (guest ? "shared" : "host") : guest ? "guest" : "unused";
}

/**
 * @param {CpuPlan} plan
 * @param {string} key
 */
function columnOf(plan, key) {
  return plan.columns.find((one) => one.key === key && (key !== HOST || one.kind === "host"));
}

/**
 * The edits that put some CPUs into a column or take them out. What was written with prefixes becomes a plain list. None
 * left: a guest may run anywhere again; the host keeps at least one, so then there is no edit. Nor is there one for a set that
 * cannot be read: what it says beside the chosen CPUs would be gone.
 * @param {any} desired
 * @param {readonly Cpu[]} cpus
 * @param {string} key
 * @param {Iterable<number>} chosen
 * @param {boolean} on
 * @returns {Edit[]}
 */
export function assign(desired, cpus, key, chosen, on) {
  const plan = cpuPlan(desired, cpus);
  const column = columnOf(plan, key);
  if (!column || column.trouble) return [];
  const set = new Set(column.bound || key === HOST ? column.cpus : []);
  for (const cpu of chosen) {
    if (on) set.add(cpu);
    else set.delete(cpu);
  }
  if (key !== HOST) {
    const path = pathText(["guest", key, "cpuset"]);
    return [set.size ? { op: "set", path, value: listText(set) } : { op: "default", path }];
  }
  if (!set.size) return [];
  const free = cpuPlan({ ...desired, host_cpuset: null }, cpus).columns[0].cpus;
  const same = free.size === set.size && [...set].every((cpu) => free.has(cpu));
  return [same ? { op: "default", path: "host_cpuset" } : { op: "set", path: "host_cpuset", value: listText(set) }];
}

/**
 * Why a column cannot be edited CPU by CPU; empty: it can.
 * @param {CpuPlan} plan
 * @param {string} key
 */
export function fixed(plan, key) {
  const column = columnOf(plan, key);
  if (!column?.trouble) return "";
  const way = key === HOST ? "Give HOST all that no rt guest has, then take CPUs out." :
    `Write the CPU set on the page of ${column.label}: one that this machine has, or none.`;
  return `The CPU set of ${column.label} cannot be read, so it stays as it is (${column.trouble}). ${way}`;
}

/**
 * CPUs as people look at them: cores of a node together, siblings side by side.
 * @param {readonly Cpu[]} cpus
 * @returns {Cpu[]}
 */
export function byPlace(cpus) {
  /** @param {Cpu} cpu */
  const place = (cpu) => [cpu.package, cpu.die, cpu.node, cpu.core ?? Number.MAX_SAFE_INTEGER, cpu.id];
  return [...cpus].sort((a, b) => {
    const [left, right] = [place(a), place(b)];
    const at = left.findIndex((value, level) => value !== right[level]);
    return at < 0 ? 0 : left[at] - right[at];
  });
}

/**
 * Whether a line belongs between two CPUs: "wide" where a package, die, node or kind of core ends, "thin" where a core of
 * several CPUs does.
 * @param {Cpu} above
 * @param {Cpu} below
 * @returns {"" | "thin" | "wide"}
 */
export function between(above, below) {
  if (above.package !== below.package || above.die !== below.die || above.node !== below.node || above.kind !== below.kind) {
    return "wide";
  }
  return above.core !== below.core && (above.siblings.length > 0 || below.siblings.length > 0) ? "thin" : "";
}

/** @param {Cpu} cpu */
export function kindWord(cpu) {
  const core = cpu.kind === "P" ? "P-core" : cpu.kind === "E" ? "E-core" : "core";
  return cpu.siblings.length > 0 ? `${core} · HT` : core;
}
