/** Places in a host's configuration: their parts, their words, and the page that has them. Pure. */

import { parts as split } from "./edit_paths.js";
import { bytes, mib } from "./format.js";

/** @typedef {{group: string, label: string}} Named */

/** One of each, as people say it. @type {Record<string, string>} */
export const NOUNS = {
  guests: "guest", areas: "memory area", events: "event", queues: "queue", locks: "lock", networks: "network",
  images: "image", templates: "template",
};

/** Groups of the drawer, where they are not the words of the place. @type {Record<string, string>} */
const GROUPS = {
  areas: "memory areas", host_cpuset: "host / cpu", base_topology: "host / machine", settings: "host / settings",
  policy: "host / policy", autostart: "host / autostart", project: "project",
};

/** Fields whose names are not their words. @type {Record<string, string>} */
const FIELDS = {
  cpuset: "cpus", host_cpuset: "host CPUs", vcpus: "vCPUs", memory_mib: "memory", heap_mib: "heap", swap_mib: "swap",
  hugepages_mib: "hugepages", remaining_host_memory_mib: "memory left to the host", default_access: "default access",
  os_type: "operating system", rtos_id: "RTOS id", gpos_id: "GPOS id", nics: "network card", disks: "disk",
  devices: "device", hide_kvm: "KVM hidden", ready_when: "ready when", port_forwards: "port forward", shares: "share",
  overrides: "access", base_topology: "machine it is for", on_drift: "on drift", irq_affinity: "interrupts",
  dynamic_cpu: "dynamic CPUs", allow_rt_overlap: "overlap of real-time CPUs", ip_forward: "IP forwarding",
  airgap: "air gap", cidr: "address range", comm_enabled: "communication", numatune: "NUMA nodes",
};

const CPU_SETS = new Set(["cpuset", "host_cpuset", "cpus"]);

/** Pages of a guest that have a field; every other one is on its overview. @type {Record<string, string>} */
const GUEST_PAGES = { devices: "/devices", disks: "/devices", nics: "/network", port_forwards: "/network" };

/** Pages of a host by section. @type {Record<string, string>} */
const HOST_PAGES = {
  host_cpuset: "/cpu", base_topology: "", autostart: "/autostart", settings: "/settings", policy: "/settings",
  images: "/templates", templates: "/templates", networks: "/network", queues: "/areas", locks: "/areas",
};

/**
 * The parts of a place: `guests."a.b".cpuset` has three. What is written otherwise is one part.
 * @param {string} path
 * @returns {string[]}
 */
export function parts(path) {
  try {
    return split(path);
  } catch {
    return [path];
  }
}

/**
 * The place of an item of a plan.
 * @param {{object: string, field?: string | null}} item
 */
export function itemPlace(item) {
  return item.field ? `${item.object}.${item.field}` : item.object;
}

/**
 * A place in words: whose it is, and what of it.
 * @param {string} path
 * @returns {Named}
 */
export function named(path) {
  const [section, ...rest] = parts(path);
  if (section in NOUNS && rest.length) {
    const group = `${GROUPS[section] ?? section} / ${rest[0]}`;
    return { group, label: rest.length === 1 ? `${NOUNS[section]} ${rest[0]}` : fieldWords(rest.slice(1)) };
  }
  const label = rest.length ? fieldWords(rest) : fieldWords([section]);
  return { group: GROUPS[section] ?? `host / ${spaced(section)}`, label };
}

/** @param {readonly string[]} several */
function fieldWords(several) {
  return several.map((one) => FIELDS[one] ?? spaced(one)).join(" ");
}

/** @param {string} word */
function spaced(word) {
  return word.replace(/_mib$/, "").replace(/_/g, " ");
}

/**
 * The page that has a place, and the place as the word `field`, for whoever wants to show it there.
 * @param {string} path
 * @param {(guest: string) => boolean} [there] whether a guest is (still) there
 * @returns {string} what follows /hosts/SITE/HOST
 */
export function pageOf(path, there = () => true) {
  const [section, name, field] = parts(path);
  if (section === "guests" && name) {
    if (!there(name)) return "/guests";
    return field === "cpuset" ? "/cpu" : `/guests/${encodeURIComponent(name)}${GUEST_PAGES[field] ?? ""}`;
  }
  if (section === "settings" && name === "hugepages") return "/memory";
  if (section === "areas" || section === "events") return name ? `/${section}/${encodeURIComponent(name)}`
    : `/${section}`;
  return HOST_PAGES[section] ?? (section === "guests" ? "/guests" : "");
}

/**
 * A value as people read it.
 * @param {string} path whose it is
 * @param {unknown} value
 * @returns {string}
 */
export function valueWords(path, value) {
  const several = parts(path);
  const field = several[several.length - 1];
  if (value === null || value === undefined || value === "") return "not set";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return field.endsWith("_mib") ? mib(value) : field === "size" ? bytes(value)
    : String(value);
  if (field === "base_topology") return String(value).slice(0, 12);
  if (typeof value === "string") return CPU_SETS.has(field) ? value.replace(/,\s*/g, ", ") : value;
  if (Array.isArray(value)) return value.length ? value.map((one) => part(one)).join(", ") : "none";
  return part(value);
}

/** Fields that say the most, and go first. */
const TELLING = ["name", "id", "kind", "network", "address", "path", "bridge", "memory_mib", "size", "cidr", "mac"];

/**
 * A part of a value, short.
 * @param {unknown} value
 * @returns {string}
 */
function part(value) {
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map((one) => part(one)).join(", ")}]`;
  const entries = Object.entries(value).filter(([name]) => name !== "uuid");
  const ranked = entries.sort(([a], [b]) => rank(a) - rank(b));
  return ranked.map(([name, one]) => `${FIELDS[name] ?? spaced(name)} ${inner(name, one)}`).join(", ");
}

/** @param {string} name */
function rank(name) {
  const at = TELLING.indexOf(name);
  return at < 0 ? TELLING.length : at;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function inner(name, value) {
  return value !== null && typeof value === "object" ? `(${part(value)})` : valueWords(name, value);
}
