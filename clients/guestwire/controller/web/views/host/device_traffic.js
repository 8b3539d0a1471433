/** What goes through the network adapters of a host, from its newest telemetry: bytes a second between two readings. */

/**
 * `lost`: packets damaged or dropped since its start.
 * @typedef {{device: string, received: number, sent: number, lost: number}} Rate
 */

const NAMES = ["received_bytes", "sent_bytes", "received_errors", "received_dropped", "sent_dropped"];

/**
 * A reader: each call gives the rates since the call before.
 * @param {import("../../core/api.js").Api} api
 * @param {string} site
 * @param {string} host
 * @returns {(signal: AbortSignal) => Promise<Rate[]>}
 */
export function adapterRates(api, site, host) {
  /** @type {Map<string, {time: number, value: number}>} */
  const last = new Map();
  /** @type {Map<string, number>} */
  const speeds = new Map();
  return async (signal) => {
    const pages = await Promise.all(NAMES.map((name) => {
      const selector = `guestwire_interface_${name}_total{site="${site}",host="${host}"}`;
      return api.get("/metrics/series", { selector, limit: 500 }, signal);
    }));
    /** @type {Map<string, Rate>} */
    const rates = new Map();
    pages.forEach((page, place) => {
      for (const one of page.items) {
        const { device } = one.labels;
        const key = `${place} ${device}`;
        if (one.time === null || one.value === null) { // the host is away: what it was says nothing any more
          last.delete(key);
          speeds.delete(key);
          continue;
        }
        const rate = rates.get(device) ?? { device, received: 0, sent: 0, lost: 0 };
        rates.set(device, rate);
        if (place < 2) rate[place ? "sent" : "received"] = speed(last, speeds, key, one);
        else rate.lost += one.value;
      }
    });
    return [...rates.values()].sort((one, other) => one.device.localeCompare(other.device));
  };
}

/**
 * @param {Map<string, {time: number, value: number}>} last
 * @param {Map<string, number>} speeds
 * @param {string} key
 * @param {{time: number, value: number}} now
 */
function speed(last, speeds, key, now) {
  const before = last.get(key);
  if (!before || now.time > before.time) last.set(key, { time: now.time, value: now.value });
  if (before && now.time > before.time && now.value >= before.value) {
    speeds.set(key, (now.value - before.value) / ((now.time - before.time) / 1000));
  }
  return speeds.get(key) ?? 0;
}
