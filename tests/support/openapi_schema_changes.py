"""What a new JSON schema takes away from who sends, or reads, what the old one describes. What breaks a program and what it
tolerates is said in `openapi_changes`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

Json = Mapping[str, Any]
Found = list[tuple[str, str]]
"""What breaks: (place within the schema, what is wrong there)."""
Side = Literal["request", "answer"]

LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
ANYTHING = frozenset({"string", "integer", "number", "boolean", "null", "object", "array"})


class Schemas:
    """The schemas of two documents. References are followed; what has been compared once is not compared again."""

    def __init__(self, old: Json, new: Json) -> None:
        self._documents = (old, new)
        self._known: dict[tuple[Side, str, str], Found] = {}

    def old(self, node: Json) -> Json:
        """What a node of the old document means."""
        return _resolved(self._documents[0], node)

    def new(self, node: Json) -> Json:
        """What a node of the new document means."""
        return _resolved(self._documents[1], node)

    def request(self, old: Json, new: Json) -> Found:
        """What may not be sent any more."""
        return self._compare("request", old, new)

    def answer(self, old: Json, new: Json) -> Found:
        """What is not there any more for who reads."""
        return self._compare("answer", old, new)

    def _compare(self, side: Side, old: Json, new: Json) -> Found:
        if "$ref" not in old or "$ref" not in new:
            return self._plain(side, self.old(old), self.new(new))
        key = (side, old["$ref"], new["$ref"])
        if key not in self._known:
            self._known[key] = []  # a schema within itself: it is being compared
            self._known[key] = self._plain(side, self.old(old), self.new(new))
        return self._known[key]

    def _plain(self, side: Side, old: Json, new: Json) -> Found:
        was, now = self._variants(0, old), self._variants(1, new)
        if len(was) > 1 or len(now) > 1:
            return self._union(side, old, new)
        if "allOf" in old or "allOf" in new:
            return [] if old.get("allOf") == new.get("allOf") else [("", "is put together in another way")]
        found = _types(side, was[0], now[0]) or _values(side, was[0], now[0])
        if found:
            return found
        if side == "request":
            found = _bounds(was[0], now[0])
        if was[0].get("format") != now[0].get("format"):
            found.append(("", f"its format was {was[0].get('format')}, and is {now[0].get('format')}"))
        return [*found, *self._object(side, was[0], now[0]), *self._array(side, was[0], now[0])]

    def _variants(self, which: int, node: Json) -> list[Json]:
        """The alternatives of a union, those of unions within it too; a type that is several is one for each. What is none of
        these stays the reference that it was."""
        schema = _resolved(self._documents[which], node)
        inner = schema.get("anyOf") or schema.get("oneOf")
        if inner:
            return [one for part in inner for one in self._variants(which, part)]
        if isinstance(schema.get("type"), list):
            return [{**schema, "type": one} for one in schema["type"]]
        return [node]

    def _union(self, side: Side, old: Json, new: Json) -> Found:
        """Every alternative that is sent must be one that is accepted; every one that comes, one that was expected."""
        was, now = self._variants(0, old), self._variants(1, new)
        tag = _tag(old) if _tag(old) == _tag(new) else None
        found: Found = []
        for one in was if side == "request" else now:
            if side == "request":
                mine, lost = self.old(one), "is accepted no more"
                pairs = [(one, other, self.new(other)) for other in now]
            else:
                mine, lost = self.new(one), "is new in it"
                pairs = [(other, one, self.old(other)) for other in was]
            tried = [(self._compare(side, a, b), theirs) for a, b, theirs in pairs if _same(tag, mine, theirs)]
            alike = [breaks for breaks, theirs in tried if not breaks or _shape(theirs) == _shape(mine)]
            if alike:
                found += min(alike, key=len)
            elif tag is None:
                found.append(("", f"{_shape(mine)} {lost}"))
            elif side == "request":
                found.append(("", f"{_said(tag, mine)} is gone"))
        return found

    def _object(self, side: Side, old: Json, new: Json) -> Found:
        was, now = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        found: Found = [(f".{name}", "is gone") for name in was if name not in now]
        if side == "request":
            found += [(f".{name}", "is required now") for name in sorted(needs - needed)]
        else:
            found += [(f".{name}", "may be missing now") for name in sorted((needed - needs) & now.keys())]
        for name in was:
            if name in now:
                found += _below(f".{name}", self._compare(side, was[name], now[name]))
        return [*found, *self._others(side, old, new), *self._patterned(side, old, new)]

    def _others(self, side: Side, old: Json, new: Json) -> Found:
        """Properties that are not named."""
        was, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if now is False and "patternProperties" in new:
            return []
        if side == "request" and now is False:
            return [] if was is False else [(".*", "other properties are accepted no more")]
        if side == "answer" and isinstance(was, Mapping) and now is False:
            return [(".*", "is gone")]
        if isinstance(now, Mapping) and isinstance(was, Mapping):
            return _below(".*", self._compare(side, was, now))
        if side == "request" and isinstance(now, Mapping) and was is True:
            return _below(".*", self._compare(side, {}, now))
        if side == "answer" and isinstance(was, Mapping):
            return _below(".*", self._compare(side, was, {}))
        return []

    def _patterned(self, side: Side, old: Json, new: Json) -> Found:
        was, now = old.get("patternProperties", {}), new.get("patternProperties", {})
        if side == "request" and was.keys() != now.keys():
            return [(".*", "the names of its properties have another pattern")]
        same = [name for name in was if name in now]
        return [one for name in same for one in _below(".*", self._compare(side, was[name], now[name]))]

    def _array(self, side: Side, old: Json, new: Json) -> Found:
        was, now = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(was) != len(now):
            return [("[]", f"it had {len(was)} places of their own, and has {len(now)}")]
        found: Found = []
        for index, (before, after) in enumerate(zip(was, now, strict=True)):
            found += _below(f"[{index}]", self._compare(side, before, after))
        before, after = old.get("items", {}), new.get("items", {})
        if isinstance(before, Mapping) and isinstance(after, Mapping) and (before or after):
            found += _below("[]", self._compare(side, before, after))
        return found


def _resolved(document: Json, node: Json) -> Json:
    while "$ref" in node:
        at: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            at = at[part.replace("~1", "/").replace("~0", "~")]
        node = at
    return node


def _accepted(schema: Json) -> frozenset[str]:
    """The types of a schema; an integer is a number."""
    if "type" in schema:
        said = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    elif "const" in schema or "enum" in schema:
        said = {_type(one) for one in _listed(schema) or ()}
    else:
        return ANYTHING
    return frozenset(said | ({"integer"} if "number" in said else set()))


def _type(value: Any) -> str:
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (Mapping, "object")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "array"


def _types(side: Side, old: Json, new: Json) -> Found:
    was, now = _accepted(old), _accepted(new)
    if was <= now if side == "request" else now <= was:
        return []
    return [("", f"its type was {_words(was)}, and is {_words(now)}")]


def _words(types: Iterable[str]) -> str:
    return "anything" if frozenset(types) == ANYTHING else " or ".join(sorted(types))


def _listed(schema: Json) -> list[Any] | None:
    """The values that there may be; None: they are not listed."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _values(side: Side, old: Json, new: Json) -> Found:
    was, now = _listed(old), _listed(new)
    if now is None or (was is None and side == "answer"):
        return []
    if was is None:
        return [("", f"only {', '.join(map(repr, now))} are accepted now")]
    if side == "request":
        return [("", f"{one!r} is accepted no more") for one in was if one not in now]
    if not any(one in was for one in now):
        return [("", f"it was one of {was}, and is one of {now}")]
    return []


def _bounds(old: Json, new: Json) -> Found:
    found: Found = []
    for names, tighter in ((LEAST, lambda was, now: now > was), (MOST, lambda was, now: now < was)):
        for name in names:
            if name in new and (name not in old or tighter(old[name], new[name])):
                found.append(("", f"{name} was {old.get(name, 'not there')}, and is {new[name]}"))
    if "pattern" in new and old.get("pattern") != new["pattern"]:
        found.append(("", f"its pattern was {old.get('pattern', 'not there')}, and is {new['pattern']}"))
    return found


def _tag(schema: Json) -> str | None:
    """The property by which the variants of a union are told apart."""
    name: str | None = schema.get("discriminator", {}).get("propertyName")
    return name


def _said(tag: str, variant: Json) -> str:
    return f"{tag}={_listed(variant.get('properties', {}).get(tag, {}))}"


def _same(tag: str | None, one: Json, other: Json) -> bool:
    """Whether they may be the same variant."""
    return tag is None or _said(tag, one) == _said(tag, other)


def _shape(schema: Json) -> str:
    return _words(_accepted(schema))


def _below(place: str, found: Found) -> Found:
    return [(f"{place}{below}", text) for below, text in found]
