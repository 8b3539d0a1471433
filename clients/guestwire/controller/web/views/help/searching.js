/** Finds words in the documents. Pure. */

/** @typedef {{level: number, text: string, anchor: string}} Heading */
/** @typedef {{path: string, title: string, section: string, headings: Heading[]}} Page */
/** @typedef {{path: string, title: string, section: string, excerpt: string, score: number}} Found */

const AROUND = 70;
const MOST = 30;

/**
 * The documents that have every word, those with them in their title or headings first.
 * @param {readonly Page[]} pages
 * @param {Readonly<Record<string, string>>} texts what each says, by path
 * @param {string} wanted
 * @returns {Found[]}
 */
export function search(pages, texts, wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return pages.flatMap((page) => {
    const text = texts[page.path] ?? "";
    const lower = text.toLowerCase();
    const title = page.title.toLowerCase();
    const headings = page.headings.map((one) => one.text.toLowerCase()).join("\n");
    if (!words.every((word) => lower.includes(word) || title.includes(word))) return [];
    const score = words.reduce((sum, word) =>
      sum + (title.includes(word) ? 100 : 0) + (headings.includes(word) ? 20 : 0) + Math.min(10,
        lower.split(word).length - 1), 0);
    return [{ path: page.path, title: page.title, section: page.section, excerpt: excerpt(text, lower, words), score }];
  }).sort((one, other) => other.score - one.score).slice(0, MOST);
}

/**
 * The text around the first word that is there.
 * @param {string} text
 * @param {string} lower
 * @param {readonly string[]} words
 */
function excerpt(text, lower, words) {
  const at = words.map((word) => lower.indexOf(word)).find((one) => one >= 0) ?? 0;
  const from = Math.max(0, text.lastIndexOf(" ", Math.max(0, at - AROUND)) + 1);
  const to = Math.min(text.length, at + AROUND * 2);
  return `${from ? "… " : ""}${text.slice(from, to).replace(/\s+/g, " ").trim()}${to < text.length ? " …" : ""}`;
}
