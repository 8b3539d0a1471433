/**
 * How busy each CPU of a host is: how fast its busy time grew between two readings of the newest values. Of a host that is away
 * the newest values are null: then nothing is known, and what it was before is forgotten.
 */

/** @typedef {import("../../core/api.js").Api} Api */

const BUSY = "guestwire_cpu_busy_seconds_total";

export class CpuLoads {
  /**
   * @param {Pick<Api, "get" | "all">} api
   * @param {string} site
   * @param {string} host
   */
  constructor(api, site, host) {
    this._api = api;
    this._selector = `${BUSY}{site=${JSON.stringify(site)},host=${JSON.stringify(host)}}`;
    /** @type {Map<number, {time: number, value: number}>} */
    this._last = new Map();
    /** By CPU, 0 to 1. @type {Map<number, number>} */
    this.ratios = new Map();
  }

  /** @returns {Promise<Map<number, number>>} Rejects with Problem. */
  async read() {
    const all = await this._api.all("/metrics/series", { selector: this._selector });
    const series = all.filter((one) => one.time !== null && one.value !== null);
    if (!this._last.size && series.length) await this._before();
    /** @type {Map<number, number>} */
    const ratios = new Map();
    /** @type {Map<number, {time: number, value: number}>} */
    const read = new Map();
    for (const { labels, time, value } of series) {
      const cpu = Number(labels.cpu);
      const last = this._last.get(cpu);
      const grew = last && time > last.time && value >= last.value;
      const ratio = grew ? (value - last.value) / ((time - last.time) / 1000) : this.ratios.get(cpu);
      if (ratio !== undefined) ratios.set(cpu, ratio);
      read.set(cpu, last && time <= last.time ? last : { time, value });
    }
    this._last = read;
    this.ratios = ratios;
    return ratios;
  }

  /** The first time there is nothing to compare with: how fast the busiest grow, as the controller knows it. */
  async _before() {
    const top = await this._api.get("/metrics/top", { selector: this._selector, n: 100 }).catch(() => null);
    for (const row of top?.rows ?? []) this.ratios.set(Number(row.labels.cpu), row.value);
  }
}
