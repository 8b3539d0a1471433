/** How busy each CPU of a host is: how fast its busy time grew between two readings of the newest values. */

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
    const series = await this._api.all("/metrics/series", { selector: this._selector });
    if (!this._last.size && series.length) await this._before();
    const ratios = new Map(this.ratios);
    for (const one of series) {
      const cpu = Number(one.labels.cpu);
      const last = this._last.get(cpu);
      if (last && one.time > last.time && one.value >= last.value) {
        ratios.set(cpu, (one.value - last.value) / ((one.time - last.time) / 1000));
      }
      if (!last || one.time > last.time) this._last.set(cpu, { time: one.time, value: one.value });
    }
    this.ratios = ratios;
    return ratios;
  }

  /** The first time there is nothing to compare with: how fast the busiest grow, as the controller knows it. */
  async _before() {
    const top = await this._api.get("/metrics/top", { selector: this._selector, n: 100 }).catch(() => null);
    for (const row of top?.rows ?? []) this.ratios.set(Number(row.labels.cpu), row.value);
  }
}
