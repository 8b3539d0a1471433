/**
 * A document of ours as nodes: the one place where HTML becomes a part of the page. It is parsed apart from it, and
 * only what documents
 * are made of is taken over: no scripts, no forms, no attributes that do anything.
 */

const ELEMENTS = new Set([
  "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em", "figcaption", "figure",
    "h1", "h2", "h3", "h4",
  "h5", "h6", "hr", "i", "img", "kbd", "li", "ol", "p", "pre", "s", "section", "span", "strong", "sub", "sup", "table",
    "tbody", "td", "tfoot",
  "th", "thead", "tr", "ul",
]);
const ATTRIBUTES = new Set(["id", "class", "href", "src", "alt", "title", "scope", "colspan", "rowspan", "start",
  "tabindex", "loading", "lang",
  "width", "height", "rel", "role", "aria-label", "aria-labelledby", "align"]);

/** What an address may begin with; in what no scheme is the page's own. */
const SAFE = /^(https?:|mailto:|[^:]*$|[^:]*[/?#])/i;

/**
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function fragmentOf(text) {
  const parsed = new DOMParser().parseFromString(text, "text/html");
  for (const element of parsed.body.querySelectorAll("*")) {
    if (!ELEMENTS.has(element.localName)) {
      element.remove();
      continue;
    }
    for (const { name, value } of [...element.attributes]) {
      const address = name === "href" || name === "src";
      if (!ATTRIBUTES.has(name) || (address && !SAFE.test(value.trim()))) element.removeAttribute(name);
    }
  }
  const fragment = document.createDocumentFragment();
  fragment.append(...[...parsed.body.childNodes].map((node) => document.adoptNode(node)));
  return fragment;
}
