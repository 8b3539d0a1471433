/** New guests and copies of guests as edits of a draft. Pure. */

import { pathText } from "../../core/edit_paths.js";

/** What is one guest's alone. */
const OWN = ["name", "id", "uuid", "rtos_id", "gpos_id", "devices", "cpuset"];

/**
 * A copy of a guest: its disks are made as copies of the original's, its cards get addresses of their own; identifiers,
 * CPUs and devices are given anew.
 * @param {any} guest
 * @param {string} name
 * @returns {import("../../core/drafts.js").Edit}
 */
export function copied(guest, name) {
  const kept = Object.fromEntries(Object.entries(structuredClone(guest)).filter(([key]) => !OWN.includes(key)));
  kept.disks = (kept.disks ?? []).map((/** @type {any} */ disk) => (
    disk.device === "cdrom" || disk.read_only || !disk.path ? disk : { ...disk, path: null, clone_of: disk.path }));
  kept.nics = (kept.nics ?? []).map((/** @type {any} */ nic) => ({ ...nic, mac: null }));
  return { op: "add", path: pathText(["guest", name]), value: kept };
}

/**
 * A new guest from what was asked for.
 * @param {Record<string, string>} asked name, kind, vcpus, memory, image ("" none), disk (a path, "" none), size (MiB of a disk of its own, "" none)
 * @param {any} desired
 * @returns {import("../../core/drafts.js").Edit}
 */
export function newGuest(asked, desired) {
  const [kind, templateId] = asked.kind.split(" ");
  const template = (desired.templates ?? []).find((/** @type {any} */ one) => one.id === templateId);
  const image = (desired.images ?? []).find((/** @type {any} */ one) => one.id === asked.image);
  const disk = asked.disk || asked.size ? [{ ...(asked.disk ? { path: asked.disk } : {}), ...(asked.size ? { size_mib: Number(asked.size) } : {}) }] : [];
  const value = {
    kind, vcpus: Number(asked.vcpus), memory_mib: Number(asked.memory) || image?.default_memory_mib || 512,
    ...(image ? { image: image.id, os_type: image.os_type, arch: image.arch } : template ? { os_type: template.os_type } : {}),
    ...(disk.length ? { disks: disk } : {}),
  };
  return { op: "add", path: pathText(["guest", asked.name]), value };
}

/** @type {Record<string, string>} */
export const KIND_WORDS = { rt: "real-time", gp_comm: "general purpose with communication", gp: "general purpose" };
