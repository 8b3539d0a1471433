/** Theme and density on the page: light, dark, or what the system says; and the same for who asks later. */

const DARK = matchMedia("(prefers-color-scheme: dark)");

/** @param {import("../core/prefs.js").Prefs} prefs */
export function applyLook(prefs) {
  const theme = prefs.get("theme", "system");
  const root = document.documentElement;
  root.dataset.theme = theme === "system" ? (DARK.matches ? "dark" : "light") : theme;
  root.style.colorScheme = root.dataset.theme ?? "";
  root.dataset.density = prefs.get("density", "comfortable");
  DARK.onchange = () => applyLook(prefs);
}
