/** What there is to see of a host: its charts by subject. A table of questions; nothing is asked here. */

import { selector } from "../../core/selector_text.js";

/** @typedef {import("../../core/metric_queries.js").Question} Question */
/** @typedef {import("../../core/metric_queries.js").Labels} Labels */
/** @typedef {{question: Question, kind?: "lines" | "heat", noun?: string}} Shown */
/** @typedef {{id: string, label: string, text: string, charts: readonly Shown[]}} Subject */

/** @param {string} name */
const of = (name) => (/** @type {Labels} */ labels) => labels[name] ?? "";
/** @param {Labels} labels */
const cpu = (labels) => `CPU ${labels.cpu}`;
/** @param {Labels} labels */
const vcpu = (labels) => `${labels.guest} vCPU ${labels.vcpu}`;

/**
 * @param {string} site
 * @param {string} host
 * @returns {readonly Subject[]}
 */
export function hostCharts(site, host) {
  /** @type {On} */
  const on = (name, labels = {}) => selector(`guestwire_${name}`, { site, host, ...labels });
  return [
    { id: "cpu", label: "CPU", text: "What the host's CPUs do, core by core.", charts: cpuCharts(on) },
    { id: "memory", label: "Memory", text: "The host's memory, by node and in huge pages.", charts: memoryCharts(on) },
    { id: "disks", label: "Disks", text: "What the host reads and writes, and what is left.", charts: diskCharts(on) },
    { id: "network", label: "Network", text: "The host's adapters and its virtual networks.",
      charts: networkCharts(on) },
    { id: "interrupts", label: "Interrupts", text: "Which CPU is interrupted, and by what.",
      charts: interruptCharts(on) },
    { id: "guests", label: "Guests", text: "What guests and their vCPUs take.", charts: guestsCharts(on) },
    { id: "shared", label: "Events and queues", text: "What guests share: events, queues, locks, memory areas.",
      charts: sharedCharts(on) },
    { id: "record", label: "Record", text: "How the host measures itself, and what is missing of it.",
      charts: recordCharts(on) },
  ];
}

/** @typedef {(name: string, labels?: Record<string, string | readonly string[]>) => string} On */

/** @param {On} on @returns {Shown[]} */
function cpuCharts(on) {
  const busy = { selector: on("cpu_busy_seconds_total"), aggregate: "rate", by: ["cpu"], label: cpu };
  return [
    { question: { title: "Time of all CPUs, by what they do", unit: "cpus", parts: [{
      selector: on("host_cpu_seconds_total", { mode: ["user", "nice", "system", "guest", "irq", "softirq", "steal", "iowait"] }),
      aggregate: "rate", by: ["mode"], label: of("mode"),
    }] } },
    { question: { title: "How busy each CPU is", unit: "ratio", parts: [busy] } },
    { kind: "heat", question: { title: "How busy each CPU is, over time", unit: "ratio", parts: [busy] } },
    { question: { title: "Load average", unit: "load", parts: [{
      selector: on("host_load"), by: ["window"], label: of("window"),
    }] } },
    { question: { title: "Tasks that waited", unit: "ratio", parts: [{
      selector: on("host_pressure_seconds_total"), aggregate: "rate", by: ["resource", "stall"],
      label: (labels) => `${labels.resource}, ${labels.stall === "full" ? "all tasks" : "some tasks"}`,
    }] } },
    { question: { title: "Temperature", unit: "celsius", empty: "This host has no sensors of temperature.", parts: [{
      selector: on("temperature_celsius"), by: ["sensor"], label: of("sensor"),
    }] } },
  ];
}

/** @param {On} on @returns {Shown[]} */
function memoryCharts(on) {
  return [
    { question: { title: "Memory of the host", unit: "bytes", parts: [
      { selector: on("host_memory_bytes"), by: [], label: "all" },
      { selector: on("host_memory_available_bytes"), by: [], label: "available" },
      { selector: on("host_memory_free_bytes"), by: [], label: "free" },
      { selector: on("host_memory_cached_bytes"), by: [], label: "files in memory" },
    ] } },
    { question: { title: "Free memory of each node", unit: "bytes", parts: [{
      selector: on("node_memory_free_bytes"), by: ["node"], label: (labels) => `node ${labels.node}`,
    }] } },
    { question: { title: "Free huge pages", unit: "count",
      empty: "This host has no huge pages: Memory shows how to have some.", parts: [{
      selector: on("node_hugepages_free"), by: ["node", "page_bytes"],
      label: (labels) => `node ${labels.node}, pages of ${Number(labels.page_bytes) / 1048576} MiB`,
    }] } },
    { question: { title: "Swap", unit: "bytes", parts: [
      { selector: on("host_swap_bytes"), by: [], label: "all" },
      { selector: on("host_swap_free_bytes"), by: [], label: "free" },
    ] } },
  ];
}

/** @param {On} on @returns {Shown[]} */
function diskCharts(on) {
  const device = (/** @type {string} */ word) => (/** @type {Labels} */ labels) => `${labels.device} ${word}`;
  return [
    { question: { title: "Bytes read and written", unit: "bytes/s", parts: [
      { selector: on("disk_read_bytes_total"), aggregate: "rate", by: ["device"], label: device("read") },
      { selector: on("disk_written_bytes_total"), aggregate: "rate", by: ["device"], label: device("written") },
    ] } },
    { question: { title: "Reads and writes", unit: "count/s", parts: [
      { selector: on("disk_reads_total"), aggregate: "rate", by: ["device"], label: device("reads") },
      { selector: on("disk_writes_total"), aggregate: "rate", by: ["device"], label: device("writes") },
    ] } },
    { question: { title: "How busy each disk is", unit: "ratio", parts: [
      { selector: on("disk_busy_seconds_total"), aggregate: "rate", by: ["device"], label: of("device") },
    ] } },
    { question: { title: "What is left of each file system", unit: "bytes", parts: [
      { selector: on("filesystem_available_bytes"), by: ["path"], label: (labels) => `${labels.path} left` },
      { selector: on("filesystem_bytes"), by: ["path"], label: (labels) => `${labels.path} all` },
    ] } },
  ];
}

/** @param {On} on @returns {Shown[]} */
function networkCharts(on) {
  const device = (/** @type {string} */ word) => (/** @type {Labels} */ labels) => `${labels.device} ${word}`;
  const member = (/** @type {string} */ word) => (/** @type {Labels} */ labels) => `${labels.network} ${labels.member} ${word}`;
  const none = "No guest is in a virtual network of this host, or none runs.";
  return [
    { question: { title: "Traffic of each adapter", unit: "bytes/s", parts: [
      { selector: on("interface_received_bytes_total"), aggregate: "rate", by: ["device"], label: device("received") },
      { selector: on("interface_sent_bytes_total"), aggregate: "rate", by: ["device"], label: device("sent") },
    ] } },
    { question: { title: "Packets that were lost or broken", unit: "count/s", parts: [
      { selector: on("interface_received_dropped_total"), aggregate: "rate", by: ["device"],
        label: device("dropped when received") },
      { selector: on("interface_sent_dropped_total"), aggregate: "rate", by: ["device"],
        label: device("dropped when sent") },
      { selector: on("interface_received_errors_total"), aggregate: "rate", by: ["device"], label: device("broken") },
    ] } },
    { question: { title: "Traffic of each member of a virtual network", unit: "bytes/s", empty: none, parts: [
      { selector: on("network_received_bytes_total"), aggregate: "rate", by: ["network", "member"],
        label: member("received") },
      { selector: on("network_sent_bytes_total"), aggregate: "rate", by: ["network", "member"], label: member("sent") },
    ] } },
  ];
}

/** @param {On} on @returns {Shown[]} */
function interruptCharts(on) {
  const name = on("cpu_interrupts_total");
  return [
    { question: { title: "Interrupts by kind", unit: "count/s", parts: [
      { selector: name, aggregate: "rate", by: ["kind"], label: of("kind") },
    ] } },
    { kind: "heat", question: { title: "Interrupts of each CPU, over time", unit: "count/s", parts: [
      { selector: name, aggregate: "rate", by: ["cpu"], label: cpu },
    ] } },
    { question: { title: "Interrupts of devices, by CPU", unit: "count/s", parts: [
      { selector: on("cpu_interrupts_total", { kind: "device" }), aggregate: "rate", by: ["cpu"], label: cpu },
    ] } },
    { question: { title: "Context switches", unit: "count/s", parts: [
      { selector: on("host_context_switches_total"), aggregate: "rate", by: [], label: "context switches" },
    ] } },
  ];
}

/** @param {On} on @returns {Shown[]} */
function guestsCharts(on) {
  const none = "No guest ran in this time. Start one, and its figures come within ten seconds.";
  return [
    { question: { title: "CPU time of each guest", unit: "cpus", empty: none, parts: [
      { selector: on("guest_cpu_seconds_total"), aggregate: "rate", by: ["guest"], label: of("guest") },
    ] } },
    { kind: "heat", noun: "vCPU", question: { title: "How busy each vCPU is, over time", unit: "ratio", empty: none,
      parts: [
      { selector: on("vcpu_cpu_seconds_total"), aggregate: "rate", by: ["guest", "vcpu"], label: vcpu },
    ] } },
    { question: { title: "Time that vCPUs waited for a CPU", unit: "ratio", empty: none, parts: [
      { selector: on("vcpu_wait_seconds_total"), aggregate: "rate", by: ["guest", "vcpu"], label: vcpu },
    ] } },
    { question: { title: "Memory of each guest", unit: "bytes", empty: none, parts: [
      { selector: on("guest_memory_bytes"), by: ["guest"], label: of("guest") },
    ] } },
  ];
}

/** @param {On} on @returns {Shown[]} */
function sharedCharts(on) {
  const event = (/** @type {string} */ word) => (/** @type {Labels} */ labels) => `${labels.event} ${word}`.trim();
  const noEvents = "This host has no events. Events shows how to make one.";
  const noQueues = "This host has no queues, or nothing was put into one. A queue is made in a memory area by the guest library.";
  return [
    { question: { title: "Signals of each event", unit: "count/s", empty: noEvents, parts: [
      { selector: on("event_signals_total"), aggregate: "rate", by: ["event"], label: event("") },
    ] } },
    { question: { title: "Who waits for each event", unit: "count", empty: noEvents, parts: [
      { selector: on("event_waiters"), by: ["event"], label: event("") },
    ] } },
    { question: { title: "Messages that wait in each queue", unit: "count", empty: noQueues, parts: [
      { selector: on("queue_depth"), aggregate: "max", by: ["queue"], label: of("queue") },
    ] } },
    { question: { title: "Messages put into queues and taken", unit: "count/s", empty: noQueues, parts: [
      { selector: on("queue_put_total"), aggregate: "rate", by: ["queue"], label: (labels) => `${labels.queue} put` },
      { selector: on("queue_taken_total"), aggregate: "rate", by: ["queue"],
        label: (labels) => `${labels.queue} taken` },
      { selector: on("queue_refused_total"), aggregate: "rate", by: ["queue"],
        label: (labels) => `${labels.queue} refused` },
    ] } },
    { question: { title: "What guests ask of the communication service", unit: "count/s",
      empty: "No guest has asked for anything.", parts: [
      { selector: on("comm_guest_requests_total"), aggregate: "rate", by: ["guest"], label: of("guest") },
    ] } },
  ];
}

/** @param {On} on @returns {Shown[]} */
function recordCharts(on) {
  return [
    { question: { title: "What waits on the host until a controller has it", unit: "bytes", parts: [
      { selector: on("agent_spool_bytes"), by: ["class"], label: of("class") },
    ] } },
    { question: { title: "How old the oldest of it is", unit: "seconds", parts: [
      { selector: on("agent_spool_lag_seconds"), aggregate: "max", by: ["class"], label: of("class") },
    ] } },
    { question: { title: "Series that the host has", unit: "count", parts: [
      { selector: on("telemetry_series"), by: [], label: "series" },
      { selector: on("telemetry_series_refused"), by: [], label: "refused, beyond the limit" },
    ] } },
    { question: { title: "CPU time of the agent", unit: "ratio", parts: [
      { selector: on("agent_cpu_seconds_total"), aggregate: "rate", by: [], label: "agent" },
      { selector: on("comm_cpu_seconds_total"), aggregate: "rate", by: [], label: "communication service" },
    ] } },
  ];
}
