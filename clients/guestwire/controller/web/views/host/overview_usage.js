/** What a host uses now, from its newest telemetry: CPUs, memory, load, disks' room. */

import { html, nothing } from "lit";
import { bytes, percent, short } from "../../core/format.js";
import { CpuLoads } from "./cpu_loads.js";

/** @typedef {{path: string, size: number, free: number}} Room a folder's file system, in bytes */
/** @typedef {{labels: Record<string, string>, value: number}} Known */
/** @typedef {{cpu?: number, memory?: number, available?: number, load?: Map<string, number>, rooms?: Room[]}} Usage */

export class HostUsage {
  /**
   * @param {import("../../core/api.js").Api} api
   * @param {string} site
   * @param {string} host
   */
  constructor(api, site, host) {
    this._api = api;
    this._of = `{site="${site}",host="${host}"}`;
    this._loads = new CpuLoads(api, site, host);
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Usage>} Rejects with Problem.
   */
  async read(signal) {
    const get = async (/** @type {string} */ name) => {
      const { items } = await this._api.get("/metrics/series", { selector: name + this._of }, signal);
      // of a host that is away the series are there, and their values are null
      return /** @type {Known[]} */ (items.filter((/** @type {any} */ one) => one.value !== null));
    };
    const [ratios, memory, available, load, sizes, free] = await Promise.all([
      this._loads.read(), get("guestwire_host_memory_bytes"), get("guestwire_host_memory_available_bytes"), get("guestwire_host_load"),
      get("guestwire_filesystem_bytes"), get("guestwire_filesystem_available_bytes"),
    ]);
    const room = new Map(free.map((one) => [one.labels.path, one.value]));
    const rooms = sizes.flatMap(({ labels: { path }, value: size }) => {
      const left = room.get(path);
      return left === undefined ? [] : [{ path, size, free: left }];
    });
    const busy = [...ratios.values()];
    return {
      cpu: busy.length ? busy.reduce((sum, one) => sum + one, 0) / busy.length : undefined,
      memory: memory[0]?.value, available: available[0]?.value,
      load: new Map(load.map((one) => [one.labels.window, one.value])), rooms,
    };
  }
}

/**
 * @param {Usage} usage
 * @param {import("../../types/api.js").components["schemas"]["HostDetail"]} detail
 * @param {string} more where the rest is
 */
export function usagePanel(usage, detail, more) {
  const used = usage.memory && usage.available !== undefined ? usage.memory - usage.available : undefined;
  return html`<section class="panel"><h2>What it uses</h2>
    ${usage.cpu === undefined && used === undefined ? html`<p class="muted">No telemetry of this host now.</p>` : html`<dl class="kv">
      <dt>CPUs</dt><dd>${meter("CPUs", usage.cpu)} ${percent(usage.cpu)} of ${detail.cpus}</dd>
      ${used === undefined ? nothing : html`<dt>Memory</dt>
        <dd>${meter("Memory", used / /** @type {number} */ (usage.memory))} ${bytes(used)} of ${bytes(usage.memory)}</dd>`}
      ${usage.load?.size ? html`<dt>Load</dt><dd>${[...usage.load].map(([window, value]) => `${short(value)} in ${window}`).join(", ")}</dd>` : nothing}
      ${(usage.rooms ?? []).map((room) => html`<dt class="mono">${room.path}</dt>
        <dd>${meter(room.path, 1 - room.free / room.size)} ${bytes(room.free)} free</dd>`)}
      <dt>Guests</dt><dd>${detail.guests_running === null ? "unknown" : detail.guests_running} of ${detail.guests} run</dd></dl>`}
    <p><a href=${more}>Telemetry</a></p></section>`;
}

/**
 * @param {string} of
 * @param {number | undefined} ratio
 */
function meter(of, ratio) {
  if (ratio === undefined || !Number.isFinite(ratio)) return nothing;
  return html`<meter min="0" max="1" .value=${Math.min(1, Math.max(0, ratio))} aria-label="${of} in use">${percent(ratio)}</meter>`;
}
