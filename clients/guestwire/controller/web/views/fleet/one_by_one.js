/** The same request for many things, a few at a time, patiently where the controller says that it was too much. */

/** @typedef {import("../../core/problem.js").Problem} Problem */

const AT_ONCE = 4;
const PATIENCE = 20;

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<unknown>} work
 * @param {(done: number) => void} told after each
 * @returns {Promise<{item: T, problem: Problem}[]>} what went wrong
 */
export async function oneByOne(items, work, told) {
  /** @type {{item: T, problem: Problem}[]} */
  const wrong = [];
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < items.length) {
      const item = items[next++];
      const problem = await patiently(() => work(item));
      if (problem) wrong.push({ item, problem });
      told(++done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return wrong;
}

/**
 * @param {() => Promise<unknown>} work
 * @returns {Promise<Problem | null>}
 */
async function patiently(work) {
  for (let attempt = 0; ; attempt++) {
    try {
      await work();
      return null;
    } catch (error) {
      const problem = /** @type {Problem} */ (error);
      if (problem.code !== "THROTTLED" || attempt >= PATIENCE) return problem;
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, problem.retryAfter) * 1000));
    }
  }
}
