/** Having hosts do things: orders, and how they ended. What waits for a signature is offered to be signed at once. */

import { Problem } from "./problem.js";

/** @typedef {import("../types/api.js").components["schemas"]["JobView"]} JobView */
/** @typedef {{operation: string, hosts?: string[], selection?: string, body?: object, note?: string, deadline_s?: number,
 *   not_before?: number, window?: string}} Order */

const FOLLOW_MS = 3_600_000;
/** So many are told of one by one; of more it is said together. */
const MOST_SINGLE = 20;

export class Jobs {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./live.js").Live} live
   * @param {import("../parts/say.js").Say} say
   * @param {() => {ofApproval(id: string): Promise<void>}} signing
   */
  constructor(api, live, say, signing) {
    this._api = api;
    this._live = live;
    this._say = say;
    this._signing = signing;
  }

  /**
   * Make jobs; says itself how they end, and what went wrong.
   * @param {Order} order
   * @returns {Promise<JobView[]>} as they were made; empty when they were not
   */
  async order(order) {
    try {
      const { document } = await this._api.send("POST", "/jobs", { body: order });
      /** @type {JobView[]} */
      const made = document.items;
      const approvals = new Set(made.map((job) => job.approval).filter((id) => id));
      if (made.length > MOST_SINGLE) void this._followAll(made, order.operation);
      else for (const job of made) void this._follow(job);
      if (approvals.size === 1) void this._signing().ofApproval(/** @type {string} */ ([...approvals][0]));
      else if (approvals.size > 1) this._say.info(`${approvals.size} approvals wait for a signature: see Approvals.`);
      return made;
    } catch (error) {
      this._say.problem(error);
      return [];
    }
  }

  /**
   * The job once it has ended.
   * @param {string} id
   * @param {AbortSignal} [signal]
   * @returns {Promise<JobView>} Rejects with Problem when that takes too long.
   */
  ended(id, signal) {
    return new Promise((resolve, reject) => {
      const end = (/** @type {() => void} */ then) => {
        off();
        clearTimeout(timer);
        then();
      };
      const look = () => {
        const job = this._live.get("job", id);
        if (job?.finished) end(() => resolve(job));
      };
      const off = this._live.on("job", look);
      const timer = setTimeout(() => end(() => reject(new Problem("DEADLINE", "The job takes longer than an hour."))), FOLLOW_MS);
      signal?.addEventListener("abort", () => end(() => reject(signal.reason)));
      // it may have ended before the stream told of it, or while the page was cut off
      void this._api.get(`/jobs/${id}`, {}, signal).then((job) => job.finished && end(() => resolve(job)), () => null);
      look();
    });
  }

  /** @param {JobView} job */
  async _follow(job) {
    this._say.info(`${job.operation} on ${job.host}: ${job.state.replaceAll("-", " ")}`);
    const end = await this.ended(job.id).catch(() => null);
    if (!end) return;
    if (end.state === "succeeded") this._say.done(`${end.operation} on ${end.host}: done`);
    else this._say.problem(new Problem(end.code ?? "FAILED", `${end.operation} on ${end.host}: ${end.state.replaceAll("-", " ")}. ${end.message ?? ""}`));
  }

  /**
   * Many: one word at the start and one at the end.
   * @param {readonly JobView[]} made
   * @param {string} operation
   */
  async _followAll(made, operation) {
    this._say.info(`${operation}: ${made.length} jobs made: see Jobs.`);
    const ends = await this._allEnded(made);
    const succeeded = ends.filter((job) => job.state === "succeeded").length;
    const canceled = ends.filter((job) => job.state === "canceled").length;
    const failed = ends.length - succeeded - canceled;
    const going = made.length - ends.length;
    const counts = [
      `${succeeded} succeeded`, `${failed} failed`, canceled && `${canceled} canceled`, going && `${going} not ended yet`,
    ];
    const text = `${operation}: of ${made.length} jobs ${counts.filter(Boolean).join(", ")}.`;
    if (failed) this._say.problem(new Problem("FAILED", `${text} Jobs shows which.`));
    else this._say.done(text);
  }

  /**
   * Those that have ended, once all have, or nobody waits for the others any more. They are heard of in the stream; only where that
   * began anew are those asked for that it does not have.
   * @param {readonly JobView[]} made
   * @returns {Promise<JobView[]>}
   */
  _allEnded(made) {
    /** @type {JobView[]} */
    const ends = [];
    const open = new Set(made.map((job) => job.id));
    return new Promise((resolve) => {
      const end = () => {
        off();
        clearTimeout(timer);
        resolve(ends);
      };
      const heard = (/** @type {JobView | null | undefined} */ job) => {
        if (!job?.finished || !open.delete(job.id)) return;
        ends.push(job);
        if (!open.size) end();
      };
      const look = () => { for (const id of [...open]) heard(this._live.get("job", id)); };
      const askMissed = async () => {
        for (const id of [...open]) if (!this._live.get("job", id)) heard(await this._api.get(`/jobs/${id}`).catch(() => null));
      };
      const off = this._live.on("job", (changes) => {
        for (const { document } of changes) heard(document);
        if (changes.length) return;
        look();
        void askMissed();
      });
      const timer = setTimeout(end, FOLLOW_MS);
      look();
    });
  }
}
