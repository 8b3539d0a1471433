/** What one person likes in one browser: theme, density, what was open last. Nothing that others need. */

const NAME = "guestwire";

export class Prefs extends EventTarget {
  /** @param {Storage} storage */
  constructor(storage) {
    super();
    this._storage = storage;
    /** @type {Record<string, any>} */
    this._values = read(storage);
  }

  /**
   * @param {string} name
   * @param {any} [otherwise]
   */
  get(name, otherwise = null) {
    return this._values[name] ?? otherwise;
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  set(name, value) {
    this._values = { ...this._values, [name]: value };
    try {
      this._storage.setItem(NAME, JSON.stringify(this._values));
    } catch {
      // a browser that keeps nothing: it holds until the page is left
    }
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * @param {Storage} storage
 * @returns {Record<string, any>}
 */
function read(storage) {
  try {
    const found = JSON.parse(storage.getItem(NAME) ?? "{}");
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}
