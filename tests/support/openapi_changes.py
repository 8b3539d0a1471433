"""What a new OpenAPI document takes away from who wrote a program against the old one: pure, over two documents.

Whoever asks must be understood as before: what was accepted is accepted, and nothing more is demanded. Whoever reads an answer
finds what was there, of the type that it was. A program tolerates, and therefore no change breaks it: operations, optional
parameters, properties of answers and status codes that are new; a new value of an enumeration or a new variant of a tagged
union in an answer; bounds and patterns in answers, which nobody checks. Descriptions, summaries, tags, examples, titles, the
names of schemas and of parameters in paths, and defaults are not compared.

What is below a version of the API (/api/v1) may go as a whole once the new document has a higher version.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from openapi_schema_changes import Json, Schemas

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
Found = list[tuple[str, str]]
"""What breaks: (place, what is wrong there)."""


def breaking(old: Json, new: Json) -> list[str]:
    """A line for each change that breaks a program that knew the old document; none: the new one may take its place."""
    return _Documents(old, new).breaking()


def version_of(path: str) -> int:
    """The version of the API that a path is below; 0: none."""
    found = re.match(r"/api/v([0-9]+)/", path)
    return int(found[1]) if found else 0


class _Documents:
    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._schemas = Schemas(old, new)

    def breaking(self) -> list[str]:
        there = dict(_operations(self._new))
        versions = {version_of(path) for path in self._new["paths"]}
        lines: list[str] = []
        for (method, path), (shown, old) in _operations(self._old):
            if 0 < version_of(shown) < max(versions, default=0) and version_of(shown) not in versions:
                continue
            label = f"{method.upper()} {shown}"
            if (method, path) not in there:
                lines.append(f"{label}: the operation is gone")
                continue
            found = self._operation(old, there[method, path][1])
            lines += [f"{label}: {place}: {text}" if place else f"{label}: {text}" for place, text in found]
        return lines

    def _operation(self, old: Json, new: Json) -> Found:
        found: Found = []
        if old.get("operationId") != new.get("operationId"):
            found.append(("operationId", f"{old.get('operationId')} is called {new.get('operationId')} now"))
        return [
            *found,
            *self._security(old, new),
            *self._parameters(old, new),
            *self._body(old, new),
            *self._answers(old, new),
        ]

    def _security(self, old: Json, new: Json) -> Found:
        was = old.get("security", self._old.get("security", []))
        now = new.get("security", self._new.get("security", []))
        if not now or {} in now:
            return []
        if not was:
            return [("security", "who asks must be known now")]
        return [("security", f"{'+'.join(one)} counts no more") for one in was if one not in now]

    def _parameters(self, old: Json, new: Json) -> Found:
        before = self._by_key(old, self._schemas.old)
        after = self._by_key(new, self._schemas.new)
        found: Found = []
        for key, was in before.items():
            now = after.get(key)
            place = f"{was['in']} parameter {was['name']}"
            if now is None:
                found.append((place, "is gone"))
                continue
            if now.get("required", False) and not was.get("required", False):
                found.append((place, "is required now"))
            found += _below(place, self._schemas.request(was.get("schema", {}), now.get("schema", {})))
        for key, now in after.items():
            if key not in before and now.get("required", False):
                found.append((f"{now['in']} parameter {now['name']}", "is new, and required"))
        return found

    def _by_key(self, operation: Json, resolve: Callable[[Json], Json]) -> Mapping[tuple[str, str], Json]:
        resolved = [resolve(one) for one in operation.get("parameters", ())]
        return {(one["in"], _key(one, operation["path"])): one for one in resolved}

    def _body(self, old: Json, new: Json) -> Found:
        was = self._schemas.old(old.get("requestBody", {}))
        now = self._schemas.new(new.get("requestBody", {}))
        if was and not now:
            return [("body", "is gone")]
        found: Found = []
        if now.get("required", False) and not was.get("required", False):
            found.append(("body", "is required now"))
        return [*found, *self._contents("body", was, now, self._schemas.request)]

    def _answers(self, old: Json, new: Json) -> Found:
        found: Found = []
        for status, was in old.get("responses", {}).items():
            place = f"answer {status}"
            if status not in new.get("responses", {}):
                found.append((place, "is gone"))
                continue
            was, now = self._schemas.old(was), self._schemas.new(new["responses"][status])
            headers = {name.lower() for name in now.get("headers", {})}
            found += [
                (place, f"the header {name} is gone") for name in was.get("headers", {}) if name.lower() not in headers
            ]
            found += self._contents(place, was, now, self._schemas.answer)
        return found

    def _contents(self, place: str, was: Json, now: Json, compare: Callable[[Json, Json], Found]) -> Found:
        found: Found = []
        for media, before in was.get("content", {}).items():
            after = now.get("content", {}).get(media)
            if after is None:
                found.append((place, f"{media} is gone"))
            else:
                found += _below(place, compare(before.get("schema", {}), after.get("schema", {})))
        return found


def _operations(document: Json) -> Iterator[tuple[tuple[str, str], tuple[str, Json]]]:
    """(method, path without the names of its parameters), (path, operation with the parameters of its path)."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                own = item[method]
                parameters = [*item.get("parameters", ()), *own.get("parameters", ())]
                yield (method, re.sub(r"{[^}]*}", "{}", path)), (path, {**own, "parameters": parameters, "path": path})


def _key(parameter: Json, path: str) -> str:
    """What clients call it: a place in the path, a header in any case, a name."""
    name: str = parameter["name"]
    if parameter["in"] == "path":
        return str(re.findall(r"{([^}]*)}", path).index(name))
    return name.lower() if parameter["in"] == "header" else name


def _below(place: str, found: Found) -> Found:
    return [(f"{place}{below}", text) for below, text in found]
