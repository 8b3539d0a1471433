/** What there is to see of the fleet as a whole: charts by subject, and its totals. Tables of questions; nothing is asked here. */

/** @typedef {import("./host_charts.js").Shown} Shown */
/** @typedef {import("../../core/metric_queries.js").Labels} Labels */

const BUSY = 'mode=~"user|nice|system|guest|irq|softirq|steal"';
/** @param {Labels} labels */
const site = (labels) => labels.site;
/** @param {Labels} labels */
const ofHost = (labels) => [`${labels.site}/${labels.host}`, labels.event ?? labels.queue].filter(Boolean).join(" ");

/**
 * Totals of now. `count`: of how many series it was made, instead of what they are together.
 * @type {readonly {id: string, label: string, selector: string, unit: string, across?: string, count?: boolean}[]}
 */
export const TOTALS = [
  { id: "hosts", label: "Hosts that measure", selector: "guestwire_telemetry_series", unit: "count", count: true },
  { id: "series", label: "Series", selector: "guestwire_telemetry_series", unit: "count" },
  { id: "cpu", label: "CPU time in use", selector: `guestwire_host_cpu_seconds_total{${BUSY}}`, unit: "cpus" },
  { id: "memory", label: "Memory available", selector: "guestwire_host_memory_available_bytes", unit: "bytes" },
  { id: "guests", label: "Guests that run", selector: 'guestwire_guest_state{state=~"running|ready"}', unit: "count" },
  { id: "crashed", label: "Guests that crashed", selector: 'guestwire_guest_state{state="crashed"}', unit: "count" },
  { id: "signals", label: "Signals of events", selector: "guestwire_event_signals_total", unit: "count/s" },
  { id: "received", label: "Received by adapters", selector: "guestwire_interface_received_bytes_total",
    unit: "bytes/s" },
];

/** @type {readonly Shown[]} */
export const OVERVIEW = [
  { question: { title: "CPU time in use, by site", unit: "cpus", parts: [
    { selector: `guestwire_host_cpu_seconds_total{${BUSY}}`, aggregate: "rate", by: ["site"], label: site },
  ] } },
  { question: { title: "Memory of all hosts", unit: "bytes", parts: [
    { selector: "guestwire_host_memory_bytes", aggregate: "avg", by: [], across: "sum", label: "all" },
    { selector: "guestwire_host_memory_available_bytes", aggregate: "avg", by: [], across: "sum", label: "available" },
  ] } },
  { question: { title: "Guests by state", unit: "count", parts: [
    { selector: 'guestwire_guest_state{state!="stopped"}', aggregate: "last", by: ["state"], across: "sum",
      label: (labels) => labels.state },
  ] } },
  { question: { title: "Traffic of all adapters", unit: "bytes/s", parts: [
    { selector: "guestwire_interface_received_bytes_total", aggregate: "rate", by: [], label: "received" },
    { selector: "guestwire_interface_sent_bytes_total", aggregate: "rate", by: [], label: "sent" },
  ] } },
];

/** @type {readonly Shown[]} */
export const SHARED = [
  { question: { title: "Signals of events, by site", unit: "count/s", empty: "No event was signalled in this time.",
    parts: [
    { selector: "guestwire_event_signals_total", aggregate: "rate", by: ["site"], label: site },
  ] } },
  { question: { title: "Signals of each event", unit: "count/s", empty: "No event was signalled in this time.", parts: [
    { selector: "guestwire_event_signals_total", aggregate: "rate", by: ["site", "host", "event"], label: ofHost },
  ] } },
  { question: { title: "Refused signals and waits", unit: "count/s", empty: "Nobody was refused anything.", parts: [
    { selector: "guestwire_event_denied_total", aggregate: "rate", by: ["site", "host", "event"], label: ofHost },
  ] } },
  { question: { title: "Messages that wait in queues", unit: "count", empty: "No host has a queue with messages in it.",
    parts: [
    { selector: "guestwire_queue_depth", aggregate: "max", by: ["site", "host", "queue"], label: ofHost },
  ] } },
];

/** How telemetry comes in, as hosts see it: what the controller has acknowledged it has stored. @type {readonly Shown[]} */
export const INGEST = [
  { question: { title: "Batches and notices that the controller has taken", unit: "count/s", parts: [
    { selector: "guestwire_agent_spool_acknowledged_total", aggregate: "rate", by: ["class"],
      label: (labels) => labels.class },
  ] } },
  { question: { title: "What waits on hosts until it is taken", unit: "bytes", parts: [
    { selector: "guestwire_agent_spool_bytes", aggregate: "avg", by: ["class"], across: "sum",
      label: (labels) => labels.class },
  ] } },
  { question: { title: "How old the oldest of it is, the worst host", unit: "seconds", parts: [
    { selector: "guestwire_agent_spool_lag_seconds", aggregate: "max", by: ["class"], across: "max",
      label: (labels) => labels.class },
  ] } },
  { question: { title: "What hosts had to drop", unit: "count/s", empty: "No host dropped anything.", parts: [
    { selector: "guestwire_agent_spool_dropped_total", aggregate: "rate", by: ["class"],
      label: (labels) => labels.class },
  ] } },
  { question: { title: "Measurements that came too late", unit: "count/s", parts: [
    { selector: "guestwire_telemetry_ticks_missed_total", aggregate: "rate", by: ["tier"],
      label: (labels) => labels.tier },
  ] } },
];
