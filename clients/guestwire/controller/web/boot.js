/**
 * First of all, and in the page itself: where a part of the program or a style does not come, because the network changes or the controller
 * begins anew, the page is loaded anew as soon as the controller answers. Nothing less helps: a browser asks but once for a module.
 */
(() => {
  const KEPT = "guestwire-loads";
  const FIRST_MS = 500;
  const LONGEST_MS = 15_000;
  const FORGOTTEN_MS = 60_000;
  const ANSWER_MS = 5_000;
  let begun = false;

  addEventListener("error", (event) => {
    const part = event.target;
    if (part instanceof HTMLScriptElement || (part instanceof HTMLLinkElement && part.rel === "stylesheet")) void anew();
  }, true);
  addEventListener("gw-part-missing", () => void anew());

  async function anew() {
    if (begun) return;
    begun = true;
    for (let wait = firstWait(); ; wait = Math.min(2 * wait, LONGEST_MS)) {
      say();
      await new Promise((resolve) => setTimeout(resolve, wait));
      // who has something that is not stored yet says no
      if (dispatchEvent(new Event("gw-load-anew", { cancelable: true })) && await answers()) break;
    }
    location.reload();
  }

  /** The longer, the more often the page was loaded anew just now: a part that is never there is no reason to hurry. */
  function firstWait() {
    let times = 0;
    try {
      const { at, n } = JSON.parse(sessionStorage.getItem(KEPT) ?? '{"at": 0, "n": 0}');
      times = Date.now() - at < FORGOTTEN_MS ? n : 0;
      sessionStorage.setItem(KEPT, JSON.stringify({ at: Date.now(), n: times + 1 }));
    } catch {
      // a browser that keeps nothing
    }
    return Math.min(FIRST_MS * 2 ** times, LONGEST_MS);
  }

  /** In a page that would be empty. */
  function say() {
    if (!document.body || document.querySelector("gw-app, #gw-missing")) return;
    const words = document.createElement("p");
    words.id = "gw-missing";
    words.setAttribute("role", "alert");
    words.textContent = "A part of the page has not come. It is loaded anew as soon as the controller answers.";
    document.body.append(words);
  }

  async function answers() {
    const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
    return answer !== null && answer.status < 500;
  }
})();
