/** Brings a field of a form into sight and puts the focus there: what a link to a field leads to. */

const LONGEST_MS = 15_000;
/** Somebody does something else: the focus stays with them. */
const ELSE = ["pointerdown", "keydown"];

/**
 * Show the field of a place as soon as it is on the page.
 * @param {string} path as issues and changes name it
 * @returns {() => void} gives up
 */
export function focusField(path) {
  const selector = `[data-path="${CSS.escape(path)}"]`;
  const found = () => {
    const place = document.querySelector(selector);
    if (!place?.checkVisibility({ visibilityProperty: true })) return false;
    const control = place.matches("input, select, textarea, button, a[href]")
      ? place : place.querySelector("input, select, textarea, button, a[href], [tabindex]");
    place.scrollIntoView({ block: "center" });
    if (control instanceof HTMLElement) control.focus({ preventScroll: true });
    return true;
  };
  if (found()) return () => {};
  const watching = new MutationObserver(() => {
    if (found()) end();
  });
  const timer = setTimeout(() => end(), LONGEST_MS);
  const end = () => {
    clearTimeout(timer);
    watching.disconnect();
    for (const name of ELSE) document.removeEventListener(name, end, true);
  };
  watching.observe(document.body, { childList: true, subtree: true, attributeFilter: ["class"] });
  for (const name of ELSE) document.addEventListener(name, end, true);
  return end;
}
