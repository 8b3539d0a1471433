/** Which of several answers counts, where questions overlap: that of the newest question, and none of before a change. */

export class Newest {
  constructor() {
    this._asked = 0;
    this._taken = 0;
    this._changes = 0;
  }

  /** Something was changed: what was asked for before may be older than that. */
  changed() {
    this._changes += 1;
  }

  /**
   * A question is asked.
   * @returns {() => boolean} whether its answer counts; to be asked once, when it is there
   */
  ask() {
    const asked = ++this._asked;
    const changes = this._changes;
    return () => {
      if (asked < this._taken || changes !== this._changes) return false;
      this._taken = asked;
      return true;
    };
  }
}
