/** Gives the browser a file to keep. */

/**
 * @param {string} name
 * @param {Blob | string} content
 * @param {string} [type]
 */
export function saveFile(name, content, type = "text/plain;charset=utf-8") {
  const blob = typeof content === "string" ? new Blob([content], { type }) : content;
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // the browser has begun to read it by then
}
