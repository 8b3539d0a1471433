/**
 * The newest state of everything, fed by the one WebSocket: a snapshot, then what changes. Who was cut off resumes. Kinds that the
 * stream has no snapshot of are read once from their lists, when somebody first needs them.
 *
 * It keeps documents by kind and key and tells who follows a kind; it renders nothing and asks for nothing else.
 */

/** @typedef {import("./api.js").Api} Api */
/** @typedef {{kind: string, key: string, document: any}} Change */

const KINDS = [
  "host", "group", "job", "approval", "window", "rollout", "draft", "project", "alarm", "rule", "webhook", "notice",
  "connection", "user",
];

/** Where the kinds come from that have no snapshot. @type {Record<string, {path: string, key: (document: any) => string}>} */
const LISTS = {
  draft: { path: "/drafts", key: (one) => `${one.site}/${one.host}` },
  project: { path: "/projects", key: (one) => one.name },
  rule: { path: "/alarm-rules", key: (one) => one.name },
  webhook: { path: "/webhooks", key: (one) => one.id },
  connection: { path: "/connections", key: (one) => one.name },
  user: { path: "/users", key: (one) => one.name },
};

/** So many are kept of what has no end. @type {Record<string, number>} */
const MOST = { notice: 500, job: 2000, alarm: 5000, approval: 1000, rollout: 1000 };

/** What is told of under a kind, and is none of it: a plan of a draft. @type {Record<string, RegExp>} */
const PASSING = { draft: /\/plan$/ };
/** How what has ended says so: it goes first. */
const ENDS = ["finished_at", "ended_at", "cleared_at", "decided_at", "at"];

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
const SILENT_MS = 40_000;

/** What a closed connection means. */
const SIGNED_OUT = 4401;

export class Live extends EventTarget {
  /**
   * @param {Api} api
   * @param {() => WebSocket} connect makes a connection to the stream
   */
  constructor(api, connect) {
    super();
    this._api = api;
    this._connect = connect;
    /** @type {Map<string, Map<string, any>>} */
    this._maps = new Map(KINDS.map((kind) => [kind, new Map()]));
    /** @type {Map<string, Set<(changes: Change[]) => void>>} */
    this._followers = new Map(KINDS.map((kind) => [kind, new Set()]));
    /** @type {Map<string, Promise<void>>} */
    this._lists = new Map();
    /** @type {Set<string>} */
    this._read_ones = new Set();
    /** What is read before the stream follows may be old by then, and nobody would tell: lists wait for it. */
    this._follows = latch();
    /** @type {WebSocket | null} */
    this._socket = null;
    this._epoch = "";
    this._revision = 0;
    this._wait = FIRST_WAIT_MS;
    this._timer = 0;
    this._silent = 0;
    /** Items of a snapshot by kind, until it is whole. @type {Map<string, Map<string, any>> | null} */
    this._coming = null;
    /** @type {"connecting" | "live" | "lost"} */
    this.state = "connecting";
    /** When the connection was lost, Unix ms; 0: it is there. */
    this.lostAt = 0;
    this.ended = false;
    /** How far the controller's clock is ahead of this one's, ms. */
    this._ahead = 0;
  }

  /** The controller's time, Unix ms: what is told in times of day is compared with that. */
  now() {
    return Date.now() + this._ahead;
  }

  /**
   * Everything of a kind, by key. Do not change it.
   * @param {string} kind
   * @returns {ReadonlyMap<string, any>}
   */
  map(kind) {
    const map = this._maps.get(kind);
    if (!map) throw new Error(`no kind: ${kind}`);
    return map;
  }

  /**
   * @param {string} kind
   * @param {string} key
   * @returns {any} undefined when there is none
   */
  get(kind, key) {
    return this.map(kind).get(key);
  }

  /**
   * Be told of changes of a kind, all of one message at once.
   * @param {string} kind
   * @param {(changes: Change[]) => void} follower
   * @returns {() => void} ends it
   */
  on(kind, follower) {
    const followers = this._followers.get(kind);
    if (!followers) throw new Error(`no kind: ${kind}`);
    followers.add(follower);
    if (kind in LISTS) this._wish(kind);
    return () => followers.delete(follower);
  }

  /**
   * Read the list of a kind that the stream has no snapshot of, once.
   * @param {string} kind
   * @returns {Promise<void>} Rejects with Problem; the next one who needs it asks again.
   */
  need(kind) {
    let reading = this._lists.get(kind);
    if (!reading) {
      reading = this._read(kind);
      this._lists.set(kind, reading);
      reading.catch(() => {
        if (this._lists.get(kind) === reading) this._lists.delete(kind);
      });
    }
    return reading;
  }

  /** Read it where it can be read: who may not see it has none. @param {string} kind */
  _wish(kind) {
    this.need(kind).catch(() => null);
  }

  /**
   * Whether the list of such a kind was read: what it has not is not there.
   * @param {string} kind
   */
  listed(kind) {
    return this._read_ones.has(kind);
  }

  /** Begin, and stay connected until `end`. */
  begin() {
    this.ended = false;
    if (!this._socket && !this._timer) this._open();
  }

  /** Let go of everything: nobody is signed in any more. */
  end() {
    this.ended = true;
    clearTimeout(this._timer);
    clearTimeout(this._silent);
    const socket = this._socket;
    this._socket = null; // nothing is heard of it any more
    socket?.close();
    this._timer = 0;
    this._epoch = "";
    this._revision = 0;
    this._coming = null;
    this.lostAt = 0;
    this._lists.clear();
    this._read_ones.clear();
    this._follows = latch();
    for (const map of this._maps.values()) map.clear();
    this._becomes("connecting");
  }

  /** Try now what would be tried later: the network is back, the page is seen again. */
  hurry() {
    if (this.state === "lost" && this._timer) {
      clearTimeout(this._timer);
      this._open();
    }
  }

  /** @param {string} kind */
  async _read(kind) {
    const follows = this._follows;
    await follows.promise;
    const list = LISTS[kind];
    /** @type {Map<string, any>} what is told of meanwhile is newer than what is read */
    const newer = new Map();
    const end = this.on(kind, (changes) => changes.forEach((change) => newer.set(change.key, change.document)));
    const items = await this._api.all(list.path).finally(end);
    if (follows !== this._follows) return; // somebody else is signed in by now
    const map = /** @type {Map<string, any>} */ (this._maps.get(kind));
    map.clear();
    for (const item of items) map.set(list.key(item), item);
    for (const [key, document] of newer) this._put(map, kind, key, document);
    this._read_ones.add(kind);
    this._tell(kind, [...map].map(([key, document]) => ({ kind, key, document })));
  }

  /**
   * @param {Map<string, any>} map of the kind
   * @param {string} kind
   * @param {string} key
   * @param {any} document
   */
  _put(map, kind, key, document) {
    if (document === null) map.delete(key);
    else if (!PASSING[kind]?.test(key)) map.set(key, document);
  }

  _open() {
    this._timer = 0;
    const socket = this._connect();
    this._socket = socket;
    socket.onopen = () => {
      const resume = this._epoch ? { resume: { epoch: this._epoch, revision: this._revision } } : {};
      socket.send(JSON.stringify({ subscribe: { kinds: KINDS }, ...resume }));
      this._heard();
    };
    socket.onmessage = (event) => {
      if (socket !== this._socket) return;
      this._heard();
      this._message(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this._socket) this._closed(event.code);
    };
  }

  _heard() {
    clearTimeout(this._silent);
    this._silent = setTimeout(() => this._socket?.close(), SILENT_MS);
  }

  /** @param {number} code */
  _closed(code) {
    clearTimeout(this._silent);
    this._socket = null;
    this._coming = null;
    if (this.ended) return;
    if (this.state !== "lost") this.lostAt = Date.now();
    this._becomes("lost");
    if (code === SIGNED_OUT) {
      this._api.dispatchEvent(new Event("signed-out"));
      return;
    }
    this._timer = setTimeout(() => this._open(), this._wait * (0.5 + Math.random() / 2));
    this._wait = Math.min(this._wait * 2, LONGEST_WAIT_MS);
  }

  /** @param {any} message */
  _message(message) {
    if (message.type === "snapshot") this._snapshot(message);
    else if (message.type === "ready") this._ready(message);
    else if (message.type === "delta") this._delta(message);
    else if (message.type === "resync") this._epoch = "";
    else if (message.type === "heartbeat") {
      this._revision = message.revision;
      this._ahead = message.at - Date.now();
    }
  }

  /** @param {{kind: string, items: Change[]}} message */
  _snapshot({ kind, items }) {
    this._coming ??= new Map();
    const map = this._coming.get(kind) ?? new Map();
    this._coming.set(kind, map);
    for (const item of items) map.set(item.key, item.document);
  }

  /** @param {{epoch: string, revision: number}} message */
  _ready({ epoch, revision }) {
    const anew = this._coming;
    this._coming = null;
    this._epoch = epoch;
    this._revision = revision;
    this._wait = FIRST_WAIT_MS;
    this.lostAt = 0;
    if (anew) {
      for (const [kind, map] of anew) this._maps.set(kind, map);
      const lists = [...this._read_ones];
      for (const kind of lists) this._lists.delete(kind);
      for (const kind of lists) this._wish(kind);
      this._follows.open();
      for (const kind of KINDS) this._tell(kind, []);
    }
    this._becomes("live");
  }

  /** @param {{revision: number, changes: Change[]}} message */
  _delta({ revision, changes }) {
    this._revision = revision;
    /** @type {Map<string, Change[]>} */
    const kinds = new Map();
    for (const change of changes) {
      const map = /** @type {Map<string, any>} */ (this._maps.get(change.kind));
      this._put(map, change.kind, change.key, change.document);
      const most = MOST[change.kind];
      if (most && map.size > most) map.delete(oldest(map));
      const several = kinds.get(change.kind) ?? [];
      several.push(change);
      kinds.set(change.kind, several);
    }
    for (const [kind, several] of kinds) this._tell(kind, several);
  }

  /**
   * @param {string} kind
   * @param {Change[]} changes empty: everything may be otherwise
   */
  _tell(kind, changes) {
    for (const follower of this._followers.get(kind) ?? []) follower(changes);
  }

  /** @param {"connecting" | "live" | "lost"} state */
  _becomes(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * Which one goes where there are too many: the oldest that has ended, else the oldest.
 * @param {Map<string, any>} map
 */
function oldest(map) {
  let [first, found, at] = ["", "", Infinity];
  for (const [key, document] of map) {
    first ||= key;
    const ended = ENDS.map((name) => document[name]).find(Boolean);
    if (ended && ended < at) [found, at] = [key, ended];
  }
  return found || first;
}

/** A promise that somebody opens. */
function latch() {
  let open = () => undefined;
  const promise = new Promise((resolve) => { open = () => void resolve(undefined); });
  return { promise, open: () => open() };
}
