/** What things of a host's desired state are by default, from the JSON Schema of it. Pure. */

/**
 * A document with one entry of nothing but defaults in every list, and the defaults of everything else.
 * @param {any} schema of Desired, with $defs
 * @returns {any}
 */
export function defaultsOf(schema) {
  /** @type {Record<string, any>} */
  const made = {};
  for (const [name, node] of Object.entries(schema?.properties ?? {})) {
    const entry = /** @type {any} */ (node).type === "array" ? resolved(schema, /** @type {any} */ (node).items) : null;
    if (entry?.properties) made[name] = [fields(schema, entry)];
    else {
      const one = resolved(schema, node);
      made[name] = one?.properties ? fields(schema, one) : /** @type {any} */ (node).default ?? null;
    }
  }
  return made;
}

/**
 * @param {any} schema
 * @param {any} model
 */
function fields(schema, model) {
  /** @type {Record<string, any>} */
  const made = {};
  for (const [name, node] of Object.entries(model.properties)) {
    if ("default" in /** @type {any} */ (node)) made[name] = structuredClone(/** @type {any} */ (node).default);
    else if (resolved(schema, node)?.properties) made[name] = fields(schema, resolved(schema, node));
  }
  return made;
}

/**
 * @param {any} schema
 * @param {any} node
 * @returns {any}
 */
function resolved(schema, node) {
  return node?.$ref ? schema.$defs?.[node.$ref.split("/").pop()] : node;
}
