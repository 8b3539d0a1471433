/** New guests and copies of guests as edits of a draft. Pure. */

import { pathText } from "../../core/edit_paths.js";

/** What is one guest's alone. */
const OWN = ["name", "id", "uuid", "rtos_id", "gpos_id", "devices", "cpuset", "port_forwards"];

/**
 * A copy of a guest: its disks are made as copies of the original's, its cards get addresses of their own; identifiers,
 * CPUs, devices and port forwards are given anew.
 * @param {any} guest
 * @param {string} name
 * @returns {import("../../core/draft.js").Edit}
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
 * @param {Record<string, string>} asked as `guestQuestions` asks; "" for what was left empty
 * @param {any} desired
 * @returns {import("../../core/draft.js").Edit}
 */
export function newGuest(asked, desired) {
  const [kind, templateId] = asked.kind.split(" ");
  const template = (desired.templates ?? []).find((/** @type {any} */ one) => one.id === templateId);
  const image = (desired.images ?? []).find((/** @type {any} */ one) => one.id === asked.image);
  const disk = { ...(asked.disk ? { path: asked.disk } : {}), ...(asked.size ? { size_mib: Number(asked.size) } : {}) };
  const value = {
    kind, vcpus: Number(asked.vcpus), memory_mib: Number(asked.memory) || image?.default_memory_mib || 512,
    ...(image ? { image: image.id, os_type: image.os_type, arch: image.arch } : template ? { os_type: template.os_type } : {}),
    ...(Object.keys(disk).length ? { disks: [disk] } : {}),
  };
  return { op: "add", path: pathText(["guest", asked.name]), value };
}

/**
 * What is asked of a new guest, besides its name.
 * @param {any} desired
 * @returns {import("./new_entry.js").Question[]}
 */
export function guestQuestions(desired) {
  /** @type {[string, string][]} */
  const templates = (desired.templates ?? []).map((/** @type {any} */ one) => (
    [`${one.kind} ${one.id}`, `${one.name || one.id} (${KIND_WORDS[one.kind]})`]));
  /** @type {[string, string][]} */
  const images = (desired.images ?? []).map((/** @type {any} */ one) => [one.id, one.name || one.id]);
  return [
    { id: "kind", label: "Kind", value: "gp", options: [...templates, ...KINDS],
      hint: "An rt guest without CPUs gets the last of the machine when it is applied." },
    { id: "vcpus", label: "vCPUs", value: "1", type: "number" },
    { id: "memory", label: "Memory in MiB", value: images.length ? "" : "512", type: "number", optional: true,
      hint: images.length ? "Left empty: what the image has by default." : "" },
    ...(images.length ? [{ id: "image", label: "Image", value: "", options: [/** @type {[string, string]} */ (["", "none: from a disk"]), ...images] }] : []),
    { id: "disk", label: "Disk image", optional: true, hint: "A path on the host, .qcow2 or .raw. Left empty with a size: a place of its own." },
    { id: "size", label: "Disk size in MiB", optional: true, type: "number", hint: "A missing image is made with it; it never shrinks one." },
  ];
}

/** @type {[string, string][]} */
const KINDS = [["gp", "General purpose"], ["gp_comm", "General purpose, with communication"], ["rt", "Real-time"]];

/** @type {Record<string, string>} */
export const KIND_WORDS = { rt: "real-time", gp_comm: "general purpose with communication", gp: "general purpose" };
