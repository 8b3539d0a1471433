/** Parts of the program that come when they are needed. */

/**
 * Load one. Where it does not come the page has to be loaded anew (boot.js does that): a browser asks but once for a module.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {Promise<T>} Rejects with what the browser says.
 */
export async function part(load) {
  try {
    return await load();
  } catch (error) {
    dispatchEvent(new Event("gw-part-missing"));
    throw error;
  }
}
