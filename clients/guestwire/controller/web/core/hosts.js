/** What is known of hosts beyond their line in the list: details, guests, topology. Read when first asked for, then kept fresh. */

const AGAIN_MS = 250;

/** All hosts that somebody looked at. */
export class Hosts {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./live.js").Live} live
   */
  constructor(api, live) {
    this._api = api;
    /** @type {Map<string, HostData>} */
    this._hosts = new Map();
    live.on("host", (changes) => this._changed(changes));
    live.on("notice", (changes) => this._noticed(changes));
  }

  /**
   * @param {string} host "site/host"
   * @returns {HostData}
   */
  of(host) {
    let data = this._hosts.get(host);
    if (!data) {
      data = new HostData(host, this._api);
      this._hosts.set(host, data);
      void data.read();
    }
    return data;
  }

  /** Forget all: somebody else signs in. */
  forget() {
    this._hosts.clear();
  }

  /** @param {import("./live.js").Change[]} changes */
  _changed(changes) {
    if (!changes.length) for (const data of this._hosts.values()) data.later(true);
    for (const { key, document } of changes) {
      const data = this._hosts.get(key);
      if (!data) continue;
      const was = data.detail;
      const other = !was || !document || was.active_revision !== document.active_revision || was.guests !== document.guests;
      data.later(other || was.epoch !== document.epoch);
    }
  }

  /** @param {import("./live.js").Change[]} changes */
  _noticed(changes) {
    for (const { document } of changes) {
      if (!document || document.class === "audit" || document.class === "alarm") continue;
      this._hosts.get(`${document.site}/${document.host}`)?.later(document.class === "config");
    }
  }
}

/** One host. Emits "change". */
export class HostData extends EventTarget {
  /**
   * @param {string} host
   * @param {import("./api.js").Api} api
   */
  constructor(host, api) {
    super();
    this.host = host;
    this._api = api;
    /** @type {import("../types/api.js").components["schemas"]["HostDetail"] | null} */
    this.detail = null;
    /** @type {any} what it has: {read_at, host, guests, topology} */
    this.inventory = null;
    /** @type {import("./problem.js").Problem | null} */
    this.error = null;
    this._timer = 0;
    this._whole = false;
  }

  /**
   * The state of a guest as it was heard last; undefined: there is none of that name.
   * @param {string} name
   */
  guest(name) {
    return this.detail?.guest_list.find((one) => one.name === name || one.id === name);
  }

  /**
   * Read it anew soon; several wishes are one.
   * @param {boolean} whole the inventory too
   */
  later(whole) {
    this._whole ||= whole;
    if (this._timer) return;
    this._timer = setTimeout(() => {
      this._timer = 0;
      const all = this._whole;
      this._whole = false;
      void this.read(all);
    }, AGAIN_MS);
  }

  /**
   * @param {boolean} [whole]
   */
  async read(whole = true) {
    try {
      const reading = [this._api.get(`/hosts/${this.host}`)];
      if (whole) reading.push(this._api.get(`/hosts/${this.host}/inventory`).catch(() => null));
      const [detail, inventory] = await Promise.all(reading);
      this.detail = detail;
      if (inventory) this.inventory = inventory.document;
      this.error = null;
    } catch (error) {
      this.error = /** @type {any} */ (error);
    }
    this.dispatchEvent(new Event("change"));
  }

  /** Have the host read its inventory anew, and show it. Rejects with Problem. */
  async refresh() {
    await this._api.send("POST", `/hosts/${this.host}/refresh`);
    await this.read();
  }
}
