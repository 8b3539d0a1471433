/** When the colours of the page become others: somebody chose a theme or a density, or the system did. For what is drawn on canvas. */

/**
 * @param {() => void} changed
 * @returns {() => void} ends it
 */
export function followTheme(changed) {
  const root = new MutationObserver(changed);
  root.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-density", "class"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", changed);
  return () => {
    root.disconnect();
    system.removeEventListener("change", changed);
  };
}
