/** What there is to see of a guest: its charts by subject. A table of questions; nothing is asked here. */

import { selector } from "../../core/selector_text.js";

/** @typedef {import("./host_charts.js").Shown} Shown */
/** @typedef {import("../../core/metric_queries.js").Labels} Labels */

const NONE = "The guest did not run in this time. Start it, and its figures come within ten seconds.";

/**
 * @param {string} site
 * @param {string} host
 * @param {string} guest its name
 * @returns {readonly Shown[]}
 */
export function guestCharts(site, host, guest) {
  const on = (/** @type {string} */ name) => selector(`guestwire_${name}`, { site, host, guest });
  const vcpu = (/** @type {Labels} */ labels) => `vCPU ${labels.vcpu}`;
  const device = (/** @type {string} */ word) => (/** @type {Labels} */ labels) => `${labels.device} ${word}`;
  const rate = (/** @type {string} */ name, /** @type {string} */ by, /** @type {string | ((labels: Labels) => string)} */ label) => ({
    selector: on(name), aggregate: "rate", by: [by], label,
  });
  return [
    { question: { title: "CPU time", unit: "cpus", empty: NONE,
      parts: [rate("guest_cpu_seconds_total", "guest", "this guest")] } },
    { question: { title: "How busy each vCPU is", unit: "ratio", empty: NONE,
      parts: [rate("vcpu_cpu_seconds_total", "vcpu", vcpu)] } },
    { kind: "heat", noun: "vCPU", question: { title: "How busy each vCPU is, over time", unit: "ratio", empty: NONE,
      parts: [
      rate("vcpu_cpu_seconds_total", "vcpu", vcpu),
    ] } },
    { question: { title: "Time that vCPUs waited for a CPU", unit: "ratio", empty: NONE, parts: [
      rate("vcpu_wait_seconds_total", "vcpu", vcpu),
    ] } },
    { question: { title: "Memory", unit: "bytes", empty: NONE, parts: [
      { selector: on("guest_memory_bytes"), by: [], label: "given" },
      { selector: on("guest_memory_resident_bytes"), by: [], label: "of the host's memory" },
      { selector: on("guest_memory_unused_bytes"), by: [], label: "not used by the guest" },
    ] } },
    { question: { title: "Disks", unit: "bytes/s", empty: "The guest has no disks, or they said nothing in this time.",
      parts: [
      rate("guest_disk_read_bytes_total", "device", device("read")),
      rate("guest_disk_written_bytes_total", "device", device("written")),
    ] } },
    { question: { title: "Network", unit: "bytes/s",
      empty: "The guest has no network card, or it said nothing in this time.", parts: [
      rate("guest_interface_received_bytes_total", "device", device("received")),
      rate("guest_interface_sent_bytes_total", "device", device("sent")),
    ] } },
    { question: { title: "What it asks of the communication service", unit: "count/s",
      empty: "The guest has asked for nothing.", parts: [
      rate("comm_guest_requests_total", "guest", "asked"),
      rate("comm_guest_denied_total", "guest", "denied"),
      rate("comm_guest_throttled_total", "guest", "made to wait"),
    ] } },
  ];
}
