/** The same request for many things, a few at a time, patiently where the controller says that it was too much. */

/** @typedef {import("../../core/problem.js").Problem} Problem */

const AT_ONCE = 4;
const PATIENCE = 20;
const TOO_MUCH = "THROTTLED";

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<unknown>} work
 * @param {(item: T) => void} told of each that is done
 * @param {AbortSignal} signal no more are begun; those under way are waited for
 * @returns {Promise<{item: T, problem: Problem}[]>} what went wrong
 */
export async function oneByOne(items, work, told, signal) {
  /** @type {{item: T, problem: Problem}[]} */
  const wrong = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length && !signal.aborted) {
      const item = items[next++];
      const problem = await patiently(() => work(item), signal);
      if (!problem) told(item);
      else if (!signal.aborted || problem.code !== TOO_MUCH) wrong.push({ item, problem });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return wrong;
}

/**
 * @param {() => Promise<unknown>} work
 * @param {AbortSignal} signal
 * @returns {Promise<Problem | null>}
 */
async function patiently(work, signal) {
  for (let attempt = 0; ; attempt++) {
    try {
      await work();
      return null;
    } catch (error) {
      const problem = /** @type {Problem} */ (error);
      if (problem.code !== TOO_MUCH || attempt >= PATIENCE || signal.aborted) return problem;
      await pause(Math.max(1, problem.retryAfter) * 1000, signal);
      if (signal.aborted) return problem;
    }
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal ends it at once
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(undefined);
    }, { once: true });
  });
}
