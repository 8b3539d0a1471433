/** The groups in which a guest's fields stand, as a table; the schema has everything else. */

/** @type {readonly import("../../parts/property_grid.js").Group[]} */
export const GROUPS = [
  { title: "Identity", fields: ["kind", "os_type", "image", "title", "description", "tags", "comments"] },
  { title: "Memory", fields: ["memory_mib", "heap_mib", "hugepages_mib", "lock_memory", "numatune"] },
  { title: "CPU", fields: ["vcpus", "cpuset", "topology", "hide_kvm", "arch"] },
  { title: "Boot", fields: ["firmware", "boot", "ready_when"] },
  { title: "Storage", fields: ["disks", "shares", "persistence"] },
  { title: "Network", fields: ["nics", "port_forwards"] },
  { title: "Communication", fields: ["comm_enabled", "rtos_id", "gpos_id", "services"] },
  { title: "Start", fields: ["autostart", "order", "disabled"] },
  { title: "Advanced", fields: ["devices", "overrides"] },
];

/** Shown with the state, and given by the host. */
export const IDENTIFIERS = [
  { name: "id", label: "Identifier" }, { name: "rtos_id", label: "RTOS identifier" },
    { name: "gpos_id", label: "GPOS identifier" },
  { name: "uuid", label: "UUID" },
];

/** What kinds of guests are called. @type {Record<string, string>} */
export const KINDS = { rt: "real-time", gp_comm: "general purpose with communication", gp: "general purpose" };
