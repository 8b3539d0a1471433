/** What went wrong, as the API says it (RFC 9457), or as the way to it did. */

/** An error of a request. `code` is for programs, `message` for people; `retry` "no" | "later" | ... as the API has it. */
export class Problem extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{title?: string, status?: number, field?: string|null, errors?: {field: string, message: string}[],
   *   retry?: string, retryAfter?: number, about?: any, cause?: string[]}} [more]
   */
  constructor(code, message, more = {}) {
    super(message);
    this.name = "Problem";
    this.code = code;
    this.title = more.title ?? "";
    this.status = more.status ?? 0;
    this.field = more.field ?? null;
    this.errors = more.errors ?? [];
    this.retry = more.retry ?? "no";
    this.retryAfter = more.retryAfter ?? 0;
    this.about = more.about ?? null;
    /** @type {string[]} What the host's driver said, in its own words. */
    this.reasons = more.cause ?? [];
  }

  /** The text for people, the same as the message. */
  get detail() {
    return this.message;
  }
}

/**
 * What a response means that is no success.
 * @param {number} status
 * @param {any} document what its body had, null when that was no JSON
 */
export function problemOf(status, document) {
  if (document && typeof document.code === "string") {
    return new Problem(document.code, document.detail || document.title || document.code, {
      title: document.title, status, field: document.field, errors: document.errors ?? [], retry: document.retry,
      retryAfter: document.retry_after, about: document.about, cause: document.cause ?? [],
    });
  }
  return new Problem(`HTTP-${status}`, `The controller answered with status ${status}.`, { status });
}

/**
 * The way to the controller is broken.
 * @param {boolean} [changes] whether something was to be changed
 */
export function unreachable(changes = false) {
  return new Problem("UNREACHABLE", `The controller does not answer.${changes
    ? " Whether it was done is to be seen when it does again." : ""}`, { retry: "later" });
}

/**
 * Whether the controller, or the way to it, has a bad moment: what was sent may be sent again.
 * @param {{code: string, status: number}} problem
 */
export function isForNow(problem) {
  return problem.code === "UNREACHABLE" || [429, 502, 503, 504].includes(problem.status);
}

/**
 * Whether the same question will have the same answer: not allowed, not there.
 * @param {{status: number}} problem
 */
export function isFinal(problem) {
  return problem.status === 403 || problem.status === 404;
}

/**
 * Whether an error only says that somebody took back what they had asked for.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
