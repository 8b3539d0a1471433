/** The devices of a host as they are at this moment, and which links came and went while somebody looked. */

/**
 * @typedef {{ifname: string, mac: string, link: "up" | "down" | "unknown", speed_mbit?: number | null,
 *   addresses: string[], management: boolean}} Adapter
 * @typedef {{address: string, pci_class: number, vendor: number, device: number, driver?: string | null,
 *   numa_node?: number | null, iommu_group?: number | null, subsystem_vendor?: number | null,
 *   subsystem_device?: number | null, vendor_name?: string | null, device_name?: string | null,
 *   subsystem_name?: string | null, net?: Adapter[]}} Device
 * @typedef {{port: string, bus: number, number: number, vendor: number, product: number, manufacturer?: string | null,
 *   name?: string | null, speed_mbit?: number | null}} UsbDevice
 * @typedef {{devices: Device[], usb?: UsbDevice[]}} Machine
 * @typedef {{ifname: string, link: string, at: number}} Change `at`: when it was seen, Unix ms
 * @typedef {{machine: Machine, changes: Change[]}} Reading `changes`: the newest first
 */

const MOST = 5;

/**
 * A reader: each call asks the host, which looks anew. Nothing of it is kept by the controller.
 * @param {import("../../core/api.js").Api} api
 * @param {string} host "site/host"
 * @returns {(signal?: AbortSignal) => Promise<Reading>}
 */
export function linkReader(api, host) {
  /** @type {Map<string, string> | null} */
  let before = null;
  /** @type {Change[]} */
  let changes = [];
  return async (signal) => {
    const { topology } = await api.operation(host, "host-topology", {}, signal);
    const now = linksOf(topology);
    changes = [...changed(before, now), ...changes].slice(0, MOST);
    before = now;
    return { machine: topology, changes };
  };
}

/** @param {Machine} machine @returns {Map<string, string>} by the name of the adapter */
function linksOf(machine) {
  return new Map(machine.devices.flatMap((device) => (device.net ?? []).map((one) => [one.ifname, one.link])));
}

/**
 * @param {Map<string, string> | null} before
 * @param {Map<string, string>} now
 * @returns {Change[]}
 */
function changed(before, now) {
  if (!before) return [];
  const at = Date.now();
  return [...now].filter(([ifname, link]) => before.has(ifname) && before.get(ifname) !== link)
    .map(([ifname, link]) => ({ ifname, link, at }));
}
