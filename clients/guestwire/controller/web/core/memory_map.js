/**
 * What of a host's memory is set aside under a configuration: pools of huge pages, guests, shared memory, what is kept for the
 * host, what is free. Where in physical memory that is nobody but the kernel decides; what is settled is the NUMA node, for
 * what is bound to one. Sizes in MiB. Pure; the numbers are those of the hosts' own rules.
 */

import { CpusetError, expand, numbers } from "./cpuset.js";

/** @typedef {import("./cpuset.js").Cpu} Cpu */
/** @typedef {{id: number, memory_mib: number, hugepages: {size_kib: number, total: number, free: number}[]}} Node */
/** @typedef {{cpus: readonly Cpu[], nodes: readonly Node[]}} Machine */
/** @typedef {{size: number, pages: number, node: number | null}} Pool `size` of a page; `node` null: spread over all nodes */
/**
 * @typedef {object} Part a piece of memory
 * @property {"host" | "guest" | "area" | "heap" | "pool" | "free" | "short"} kind
 * @property {string} name of the guest or area
 * @property {number} mib
 * @property {number[]} nodes where it is bound to, empty: anywhere
 * @property {number} page MiB of the huge pages that it is made of, 0: ordinary pages
 */
/** @typedef {{total: number, kept: number, left: number, parts: Part[]}} MemoryMap `left`: what nobody has, negative where it does not fit */

const MIB = 1 << 20;
const DATA_OFFSET = 4096;

/**
 * The whole host. The parts add up to its memory, or to more where it does not fit.
 * @param {any} desired
 * @param {number} total MiB of the host
 * @param {Machine} machine
 * @returns {MemoryMap}
 */
export function memoryMap(desired, total, machine) {
  const kept = desired.policy?.remaining_host_memory_mib ?? 1024;
  const parts = setAside(desired, machine);
  const taken = parts.reduce((sum, part) => sum + part.mib, 0);
  const left = total - taken - kept;
  /** @type {Part} */
  const rest = { kind: left < 0 ? "short" : "free", name: "", mib: Math.abs(left), nodes: [], page: 0 };
  return { total, kept, left, parts: [{ kind: "host", name: "", mib: kept, nodes: [], page: 0 }, ...parts, rest] };
}

/**
 * One node: what is bound to it alone or, evenly, to it and others; what may be anywhere is not in it.
 * @param {MemoryMap} map
 * @param {Node} node
 * @returns {MemoryMap}
 */
export function ofNode(map, node) {
  const parts = map.parts.filter((part) => part.nodes.includes(node.id))
    .map((part) => ({ ...part, mib: part.mib / part.nodes.length }));
  const left = node.memory_mib - parts.reduce((sum, part) => sum + part.mib, 0);
  /** @type {Part} */
  const rest = { kind: left < 0 ? "short" : "free", name: "", mib: Math.abs(left), nodes: [node.id], page: 0 };
  return { total: node.memory_mib, kept: 0, left, parts: [...parts, rest] };
}

/**
 * The pools of huge pages: those of the settings, and what the machine has besides.
 * @param {any} desired
 * @param {Machine} machine
 * @returns {Pool[]}
 */
export function pools(desired, machine) {
  /** @type {Pool[]} */
  const wanted = (desired.settings?.hugepages ?? []).map((/** @type {any} */ pool) => ({
    size: pool.size_mib, pages: pool.pages, node: pool.node ?? null,
  }));
  const ours = new Set(wanted.map((pool) => `${pool.size} ${pool.node}`));
  const found = machine.nodes.flatMap((node) => node.hugepages.map((pool) => ({
    size: Math.floor(pool.size_kib / 1024), pages: pool.total, node: node.id,
  })));
  return [...wanted, ...found.filter((pool) => (
    pool.pages && !ours.has(`${pool.size} ${pool.node}`) && !ours.has(`${pool.size} null`)
  ))];
}

/**
 * @param {any} desired
 * @param {Machine} machine
 * @returns {Part[]}
 */
function setAside(desired, machine) {
  const guests = enabled(desired);
  /** @type {Part[]} */
  const parts = guests.map((guest) => ({
    kind: "guest", name: guest.name, page: guest.hugepages_mib ?? 0, nodes: nodesOf(guest, machine),
    mib: hugePages(guest) * (guest.hugepages_mib ?? 0) || (guest.memory_mib ?? 512),
  }));
  for (const { kind, name, mib } of sharedParts(desired)) parts.push({ kind, name, mib, nodes: [], page: 0 });
  return [...parts, ...freePools(desired, machine, guests)];
}

/**
 * Huge pages that no guest takes. Pages of a pool over all nodes are counted for no node.
 * @param {any} desired
 * @param {Machine} machine
 * @param {any[]} guests
 * @returns {Part[]}
 */
function freePools(desired, machine, guests) {
  const found = pools(desired, machine);
  const users = guests.filter(hugePages).map((guest) => ({ guest, nodes: nodesOf(guest, machine) }));
  // those that can have pages of few nodes only come first, those that can have any last
  const reach = (/** @type {number[]} */ nodes) => nodes.length || Infinity;
  users.sort((one, other) => (reach(one.nodes) === reach(other.nodes) ? 0 : reach(one.nodes) - reach(other.nodes)));
  for (const { guest, nodes } of users) {
    takePages(found.filter((pool) => pool.size === guest.hugepages_mib), nodes, hugePages(guest));
  }
  return found.filter((pool) => pool.pages > 0).map(({ size, pages, node }) => (
    { kind: "pool", name: "", mib: pages * size, nodes: node === null ? [] : [node], page: size }));
}

/**
 * Take pages out of pools: evenly of the nodes where they must be, then of pools over all nodes, then wherever there are any.
 * @param {Pool[]} found of one size; what is taken is gone from them
 * @param {readonly number[]} nodes
 * @param {number} pages
 */
function takePages(found, nodes, pages) {
  let wanted = pages;
  const take = (/** @type {(pool: Pool) => boolean} */ which, /** @type {number} */ most) => {
    let left = Math.min(most, wanted);
    for (const pool of found.filter(which)) {
      const used = Math.min(left, pool.pages);
      pool.pages -= used;
      left -= used;
      wanted -= used;
    }
  };
  nodes.forEach((node, at) => take((pool) => pool.node === node, Math.ceil(wanted / (nodes.length - at))));
  take((pool) => pool.node !== null && nodes.includes(pool.node), wanted);
  take((pool) => pool.node === null, wanted);
  take(() => true, wanted);
}

/**
 * Pages that a guest's memory takes.
 * @param {any} guest
 */
export function hugePages(guest) {
  return guest.hugepages_mib ? Math.ceil((guest.memory_mib ?? 512) / guest.hugepages_mib) : 0;
}

/**
 * The heaps of guests, and areas as large as their regions; areas of the kind heap count beyond the heaps that guests have.
 * @param {any} desired
 * @returns {{kind: "area" | "heap", name: string, mib: number}[]}
 */
function sharedParts(desired) {
  /** @type {{kind: "area" | "heap", name: string, mib: number}[]} */
  const found = enabled(desired).filter((guest) => guest.heap_mib)
    .map((guest) => ({ kind: "heap", name: guest.name, mib: guest.heap_mib }));
  let told = found.reduce((sum, heap) => sum + heap.mib, 0);
  for (const area of desired.areas ?? []) {
    let mib = backingSize(area.size) / MIB;
    if (area.kind === "heap") [mib, told] = [Math.max(0, mib - told), Math.max(0, told - mib)];
    if (mib) found.push({ kind: "area", name: area.name, mib });
  }
  return found;
}

/**
 * Bytes of the region of an area: a power of two, at least 1 MiB, with room for its header.
 * @param {number} size bytes
 */
export function backingSize(size) {
  return Math.max(MIB, 2 ** Math.ceil(Math.log2(DATA_OFFSET + size)));
}

/**
 * The nodes that a guest's memory comes from, where that is settled.
 * @param {any} guest
 * @param {Machine} machine
 * @returns {number[]}
 */
function nodesOf(guest, machine) {
  try {
    const text = guest.numatune ?? "auto";
    if (text !== "auto") return [...numbers(text)];
    if ((guest.cpuset ?? null) === null) return [];
    const cpus = expand(guest.cpuset, machine.cpus);
    return [...new Set(machine.cpus.filter((cpu) => cpus.has(cpu.id)).map((cpu) => cpu.node))].sort((a, b) => a - b);
  } catch (error) {
    if (error instanceof CpusetError) return [];
    throw error;
  }
}

/**
 * @param {any} desired
 * @returns {any[]}
 */
function enabled(desired) {
  return (desired.guests ?? []).filter((/** @type {any} */ guest) => !guest.disabled);
}
