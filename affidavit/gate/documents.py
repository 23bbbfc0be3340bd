"""One OpenAPI document against another: what breaks a caller, what does not, and what nobody can tell from here.

Two walks over both documents give elementary changes; a table says what each means in a request and in an answer. What
is harmless to ask for may be dangerous to get, and the other way round: a type more is welcome in a request and a
surprise in an answer. Every rule names its opposite: with the documents swapped, the opposite rule speaks at the same
place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from affidavit.errors import UsageError
from affidavit.gate.difference import Axis, Difference, Identity, Severity
from affidavit.gate.schemas import LOWER, UPPER, Document, Node, Schema
from affidavit.openapi_document import METHODS
from affidavit.pointer import join

REQUEST, ANSWER = "request", "answer"
BREAKING, COMPATIBLE, UNKNOWN = Severity.BREAKING, Severity.COMPATIBLE, Severity.UNKNOWN
_MOST_DEPTH = 24


@dataclass(frozen=True)
class Rule:
    """What one kind of change means."""

    says: str
    """`{what}` is what it is about, `{before}` and `{after}` what was there."""
    in_request: Severity
    in_answer: Severity
    opposite: str


RULES: Mapping[str, Rule] = {
    "operation-removed": Rule("the operation is gone", BREAKING, BREAKING, "operation-added"),
    "operation-added": Rule("the operation is new", COMPATIBLE, COMPATIBLE, "operation-removed"),
    "webhook-removed": Rule("the webhook is gone", BREAKING, BREAKING, "webhook-added"),
    "webhook-added": Rule("the webhook is new", COMPATIBLE, COMPATIBLE, "webhook-removed"),
    "key-needed": Rule("it asks for {after} now", BREAKING, BREAKING, "key-not-needed"),
    "key-not-needed": Rule("it asks for {before} no more", COMPATIBLE, COMPATIBLE, "key-needed"),
    "key-changed": Rule("it asks for {after}, and asked for {before}", UNKNOWN, UNKNOWN, "key-changed"),
    "deprecated": Rule("it is deprecated now", COMPATIBLE, COMPATIBLE, "not-deprecated"),
    "not-deprecated": Rule("it is deprecated no more", COMPATIBLE, COMPATIBLE, "deprecated"),
    "status-removed": Rule("the answer {what} is gone", UNKNOWN, UNKNOWN, "status-added"),
    "status-added": Rule("the answer {what} is new", COMPATIBLE, COMPATIBLE, "status-removed"),
    "success-removed": Rule("the answer {what} is gone", BREAKING, BREAKING, "success-added"),
    "success-added": Rule("the answer {what} is new", UNKNOWN, UNKNOWN, "success-removed"),
    "media-type-removed": Rule("the media type {what} is gone", BREAKING, BREAKING, "media-type-added"),
    "media-type-added": Rule("the media type {what} is new", COMPATIBLE, COMPATIBLE, "media-type-removed"),
    "header-removed": Rule("the header {what} is gone", UNKNOWN, UNKNOWN, "header-added"),
    "header-added": Rule("the header {what} is new", COMPATIBLE, COMPATIBLE, "header-removed"),
    "required-header-removed": Rule("the header {what} is gone", BREAKING, BREAKING, "required-header-added"),
    "required-header-added": Rule("the header {what} is new", COMPATIBLE, COMPATIBLE, "required-header-removed"),
    "parameter-removed": Rule("the parameter {what} is gone", UNKNOWN, UNKNOWN, "parameter-added"),
    "parameter-added": Rule("the optional parameter {what} is new", COMPATIBLE, COMPATIBLE, "parameter-removed"),
    "required-parameter-removed": Rule("the parameter {what} is gone", UNKNOWN, UNKNOWN, "required-parameter-added"),
    "required-parameter-added": Rule(
        "the required parameter {what} is new", BREAKING, BREAKING, "required-parameter-removed"
    ),
    "body-removed": Rule("it takes no body any more", UNKNOWN, BREAKING, "body-added"),
    "body-added": Rule("it takes a body now", COMPATIBLE, COMPATIBLE, "body-removed"),
    "required-body-removed": Rule("it takes no body any more", UNKNOWN, BREAKING, "required-body-added"),
    "required-body-added": Rule("it needs a body now", BREAKING, COMPATIBLE, "required-body-removed"),
    "became-required": Rule("{what} is always there now", BREAKING, COMPATIBLE, "became-optional"),
    "became-optional": Rule("{what} is not always there any more", COMPATIBLE, BREAKING, "became-required"),
    "property-removed": Rule("{what} is gone", UNKNOWN, UNKNOWN, "property-added"),
    "property-added": Rule("{what} is new", COMPATIBLE, COMPATIBLE, "property-removed"),
    "required-property-removed": Rule("{what} is gone", UNKNOWN, BREAKING, "required-property-added"),
    "required-property-added": Rule("{what} is new and required", BREAKING, COMPATIBLE, "required-property-removed"),
    "types-added": Rule("{what} may be {after} too", COMPATIBLE, BREAKING, "types-removed"),
    "types-removed": Rule("{what} may not be {before} any more", BREAKING, COMPATIBLE, "types-added"),
    "types-changed": Rule("{what} is {after}, and was {before}", BREAKING, BREAKING, "types-changed"),
    "value-added": Rule("{what} may be {after} too", COMPATIBLE, UNKNOWN, "value-removed"),
    "value-removed": Rule("{what} may not be {before} any more", BREAKING, COMPATIBLE, "value-added"),
    "values-closed": Rule("{what} is one of {after} now", BREAKING, COMPATIBLE, "values-opened"),
    "values-opened": Rule("{what} is not bound to {before} any more", COMPATIBLE, UNKNOWN, "values-closed"),
    "bound-tightened": Rule("{what}: {before} became {after}", BREAKING, COMPATIBLE, "bound-loosened"),
    "bound-loosened": Rule("{what}: {before} became {after}", COMPATIBLE, BREAKING, "bound-tightened"),
    "format-changed": Rule("{what}: the format {before} became {after}", UNKNOWN, UNKNOWN, "format-changed"),
    "extra-closed": Rule("{what} takes no further properties now", BREAKING, COMPATIBLE, "extra-opened"),
    "extra-opened": Rule("{what} takes further properties now", COMPATIBLE, UNKNOWN, "extra-closed"),
    "alternative-added": Rule("{what} has another alternative", COMPATIBLE, UNKNOWN, "alternative-removed"),
    "alternative-removed": Rule("{what} has an alternative less", BREAKING, COMPATIBLE, "alternative-added"),
    "default-changed": Rule("{what}: the default {before} became {after}", UNKNOWN, COMPATIBLE, "default-changed"),
    "schema-changed": Rule("{what}: what stands under {after} is not the same", UNKNOWN, UNKNOWN, "schema-changed"),
}


@dataclass(frozen=True)
class Change:
    """One elementary change."""

    rule: str
    where: str
    """`METHOD /path` or `webhook name`."""
    part: str
    """In words: `the request`, `the answer 200`."""
    direction: str
    what: str = ""
    before: str = ""
    after: str = ""


def compare_documents(provider: str, before: Node, after: Node) -> list[Difference]:
    """Everything in which `after` differs from `before`, by what it means for callers.

    Raises UsageError when one is no OpenAPI 3 document.
    """
    old, new = (Document(_checked(one)) for one in (before, after))
    changes = dict.fromkeys([*_operations(old, new), *_webhooks(old, new)])
    order = list(Severity)
    found = [_difference(provider, one) for one in changes]
    return sorted(found, key=lambda one: (order.index(one.severity), one.identity))


def _checked(data: Any) -> Node:  # noqa: ANN401 - any parsed file
    version = str(data.get("openapi", "")) if isinstance(data, Mapping) else ""
    if not version.startswith("3.") or not isinstance(data.get("paths", {}), Mapping):
        raise UsageError(f"this is no OpenAPI 3 document (openapi: {version or 'missing'}): name one in YAML or JSON")
    return dict(data)


def _difference(provider: str, change: Change) -> Difference:
    rule = RULES[change.rule]
    what = change.what or "the body"
    text = rule.says.format(what=what, before=change.before, after=change.after)
    part = f", {change.part}" if change.part else ""
    return Difference(
        Identity(
            Axis.DOCUMENT,
            provider,
            change.where,
            change.rule,
            at=f"{change.part} {change.what}".strip(),
            expected=change.before,
            got=change.after,
        ),
        rule.in_request if change.direction == REQUEST else rule.in_answer,
        f"{change.where}{part}: {text}.",
        before=change.before,
        after=change.after,
    )


# --- operations -------------------------------------------------------------------------------------------------------


def _operations(old: Document, new: Document) -> Iterator[Change]:
    was, now = _by_route(old), _by_route(new)
    for route in sorted(was.keys() | now.keys()):
        if route not in now:
            yield Change("operation-removed", route, "", REQUEST)
        elif route not in was:
            yield Change("operation-added", route, "", REQUEST)
        else:
            yield from _Walk(old, new, route).operation(was[route], now[route])


def _webhooks(old: Document, new: Document) -> Iterator[Change]:
    was, now = (one.resolve(one.data.get("webhooks", {})) for one in (old, new))
    for name in sorted({*was, *now}):
        where = f"webhook {name}"
        if name not in now or name not in was:
            yield Change("webhook-added" if name in now else "webhook-removed", where, "", ANSWER)
            continue
        one, other = old.resolve(was[name]), new.resolve(now[name])
        for method in METHODS:
            if method in one and method in other:
                yield from _Walk(old, new, where).body(one[method], other[method], "its body", ANSWER)


def _by_route(document: Document) -> dict[str, Node]:
    """`METHOD /path` -> the operation, with the parameters of its path; names of path variables do not count."""
    found: dict[str, Node] = {}
    for template, item in document.data.get("paths", {}).items():
        path = document.resolve(item)
        for method in METHODS:
            if method in path:
                route = f"{method.upper()} {_base(document)}{re.sub(r'{[^}]*}', '{}', template)}"
                shared = path.get("parameters", [])
                security = document.data.get("security", [])
                found[route] = {"security": security, **path[method], "shared": shared}
    return found


def _base(document: Document) -> str:
    """Path of the first server, under which all paths are."""
    servers = document.data.get("servers")
    if not isinstance(servers, list) or not servers or not isinstance(servers[0], Mapping):
        return ""
    return urlsplit(str(servers[0].get("url", ""))).path.rstrip("/")


class _Walk:
    """Both versions of one operation or webhook, side by side."""

    def __init__(self, old: Document, new: Document, where: str) -> None:
        self._old, self._new, self._where = old, new, where
        self._open: list[tuple[str, str]] = []

    def operation(self, before: Node, after: Node) -> Iterator[Change]:
        """Everything of an operation."""
        if bool(before.get("deprecated")) != bool(after.get("deprecated")):
            yield Change("deprecated" if after.get("deprecated") else "not-deprecated", self._where, "", REQUEST)
        yield from self._security(before, after)
        yield from self._parameters(before, after)
        yield from self.body(before, after, "the request", REQUEST)
        yield from self._answers(before.get("responses", {}), after.get("responses", {}))

    def _security(self, before: Node, after: Node) -> Iterator[Change]:
        was, now = (
            sorted(json.dumps(sorted(_scheme(document, name) for name in one)) for one in node.get("security") or [])
            for document, node in ((self._old, before), (self._new, after))
        )
        if was == now:
            return
        free = json.dumps([])
        needed, needs = bool(was) and free not in was, bool(now) and free not in now
        rule = "key-changed" if needed == needs else "key-needed" if needs else "key-not-needed"
        yield Change(rule, self._where, "", REQUEST, "", " or ".join(was), " or ".join(now))

    def _parameters(self, before: Node, after: Node) -> Iterator[Change]:
        was, now = _parameters(self._old, before), _parameters(self._new, after)
        for name in sorted({*was, *now}):
            one, other = was.get(name), now.get(name)
            if one is None or other is None:
                verb = "removed" if one else "added"
                required = "required-" if (one or other or {}).get("required") else ""
                yield Change(f"{required}parameter-{verb}", self._where, "the request", REQUEST, name)
                continue
            yield from self._requirement(
                bool(one.get("required")), bool(other.get("required")), name, "the request", REQUEST
            )
            schemas = [_schema_of(self._old, one)], [_schema_of(self._new, other)]
            yield from self._schemas(*schemas, name, "the request", REQUEST)

    def body(self, before: Node, after: Node, part: str, direction: str) -> Iterator[Change]:
        """A request body; that of a webhook is what a caller gets."""
        one = self._old.resolve(before.get("requestBody"))
        other = self._new.resolve(after.get("requestBody"))
        if not one and not other:
            return
        if not one or not other:
            required = "required-" if (one or other).get("required") else ""
            yield Change(f"{required}body-{'removed' if one else 'added'}", self._where, part, direction)
            return
        if direction == REQUEST:
            yield from self._requirement(bool(one.get("required")), bool(other.get("required")), "", part, direction)
        yield from self._contents(one.get("content", {}), other.get("content", {}), part, direction)

    def _answers(self, before: Node, after: Node) -> Iterator[Change]:
        was, now = ({str(key).upper(): value for key, value in one.items()} for one in (before, after))
        for status in sorted({*was, *now}):
            part = f"the answer {status}"
            if status not in was or status not in now:
                known = [one for one in (was if status in now else now) if one[:1] == status[:1]]
                kind = "success" if status.startswith("2") and not known else "status"
                verb = "added" if status in now else "removed"
                yield Change(f"{kind}-{verb}", self._where, "", ANSWER, status)
                continue
            one, other = self._old.resolve(was[status]), self._new.resolve(now[status])
            yield from self._headers(one.get("headers", {}), other.get("headers", {}), part)
            yield from self._contents(one.get("content", {}), other.get("content", {}), part, ANSWER)

    def _headers(self, before: Node, after: Node, part: str) -> Iterator[Change]:
        was, now = (
            {name.lower(): (name, document.resolve(one)) for name, one in node.items()}
            for document, node in ((self._old, before), (self._new, after))
        )
        for key in sorted({*was, *now}):
            name, there = (now.get(key) or was.get(key)) or ("", {})
            if key not in was or key not in now:
                required = "required-" if there.get("required") else ""
                verb = "added" if key in now else "removed"
                yield Change(f"{required}header-{verb}", self._where, part, ANSWER, name)
                continue
            one, other = was[key][1], now[key][1]
            yield from self._requirement(bool(one.get("required")), bool(other.get("required")), name, part, ANSWER)
            schemas = [_schema_of(self._old, one)], [_schema_of(self._new, other)]
            yield from self._schemas(*schemas, name, part, ANSWER)

    def _contents(self, before: Node, after: Node, part: str, direction: str) -> Iterator[Change]:
        was, now = ({_essence(name): one for name, one in node.items()} for node in (before, after))
        for name in sorted({*was, *now}):
            if name not in was or name not in now:
                verb = "added" if name in now else "removed"
                yield Change(f"media-type-{verb}", self._where, part, direction, name)
                continue
            yield from self._schemas([was[name].get("schema", {})], [now[name].get("schema", {})], "", part, direction)

    def _requirement(self, was: bool, now: bool, what: str, part: str, direction: str) -> Iterator[Change]:  # noqa: FBT001 - two of a kind
        if was != now:
            yield Change("became-required" if now else "became-optional", self._where, part, direction, what)

    # --- schemas ---

    def _schemas(
        self, before: Sequence[Node], after: Sequence[Node], at: str, part: str, direction: str
    ) -> Iterator[Change]:
        keys = self._old.key(before), self._new.key(after)
        if keys[0] == keys[1] or keys in self._open or len(self._open) > _MOST_DEPTH:
            return
        self._open.append(keys)
        one, other = self._old.plain(before), self._new.plain(after)
        for rule, was, now in _own_changes(one, other):
            yield Change(rule, self._where, part, direction, at, was, now)
        yield from self._alternatives(one, other, at, part, direction)
        yield from self._objects(one, other, at, part, direction)
        if one.items or other.items:
            yield from self._schemas(one.items, other.items, join(at, "*"), part, direction)
        self._open.pop()

    def _objects(self, before: Schema, after: Schema, at: str, part: str, direction: str) -> Iterator[Change]:
        for name in sorted({*before.properties, *after.properties}):
            place = join(at, name)
            was, now = before.properties.get(name), after.properties.get(name)
            if was is None or now is None:
                required = "required-" if name in (before if was else after).required else ""
                yield Change(f"{required}property-{'removed' if was else 'added'}", self._where, part, direction, place)
                continue
            yield from self._requirement(name in before.required, name in after.required, place, part, direction)
            yield from self._schemas(was, now, place, part, direction)
        for name in sorted((before.required ^ after.required) - before.properties.keys() - after.properties.keys()):
            yield from self._requirement(
                name in before.required, name in after.required, join(at, name), part, direction
            )
        if (before.extra is False) != (after.extra is False):
            yield Change("extra-closed" if after.extra is False else "extra-opened", self._where, part, direction, at)
        elif before.extra is not False and after.extra is not False:
            extras = [one if isinstance(one, list) else [] for one in (before.extra, after.extra)]
            yield from self._schemas(extras[0], extras[1], join(at, "*"), part, direction)

    def _alternatives(self, before: Schema, after: Schema, at: str, part: str, direction: str) -> Iterator[Change]:
        was, now = ([one for several in schema.alternatives for one in several] for schema in (before, after))
        one = {self._old.key([node]): node for node in was}
        other = {self._new.key([node]): node for node in now}
        gone, new = sorted(one.keys() - other.keys()), sorted(other.keys() - one.keys())
        if not gone and not new:
            return
        if (
            len(before.alternatives) != 1
            or len(after.alternatives) != 1
            or (gone and new and (len(gone), len(new)) != (1, 1))
        ):
            yield Change("schema-changed", self._where, part, direction, at, "", "anyOf or oneOf")
        elif gone and new:
            yield from self._schemas([one[gone[0]]], [other[new[0]]], at, part, direction)
        else:
            verb = "removed" if gone else "added"
            yield Change(f"alternative-{verb}", self._where, part, direction, at)


def _own_changes(before: Schema, after: Schema) -> Iterator[tuple[str, str, str]]:
    """Rule, before and after of what two schemas say of the value itself."""
    gone, new = before.types - after.types, after.types - before.types
    if gone and new:
        yield "types-changed", _listed(before.types), _listed(after.types)
    elif gone or new:
        yield "types-removed" if gone else "types-added", _listed(gone), _listed(new)
    yield from _enum_changes(before.enum, after.enum, gone | new)
    for name in (*LOWER, *UPPER):
        was, now = before.bounds.get(name), after.bounds.get(name)
        if was != now:
            tighter = was is None or (now is not None and (now > was) == (name in LOWER))
            yield "bound-tightened" if tighter else "bound-loosened", _bound(name, was), _bound(name, now)
    if before.format != after.format:
        yield "format-changed", before.format or "none", after.format or "none"
    if before.default != after.default:
        yield "default-changed", before.default or "none", after.default or "none"
    for keyword in sorted({*before.opaque, *after.opaque}):
        if sorted(before.opaque.get(keyword, [])) != sorted(after.opaque.get(keyword, [])):
            yield "schema-changed", keyword, keyword


def _enum_changes(
    before: tuple[str, ...] | None, after: tuple[str, ...] | None, types: frozenset[str]
) -> Iterator[tuple[str, str, str]]:
    if before is not None and after is not None:
        for value in sorted({*before} ^ {*after}):
            if value == "null" and "null" in types:
                continue  # told as a type
            yield ("value-removed", value, "") if value in before else ("value-added", "", value)
    elif before is not None:
        yield "values-opened", ", ".join(sorted(before)), ""
    elif after is not None:
        yield "values-closed", "", ", ".join(sorted(after))


def _bound(name: str, value: float | None) -> str:
    return f"no {name}" if value is None else f"{name} {value:g}"


def _listed(types: frozenset[str]) -> str:
    shown = types - {"integer", "fraction"} | {"number"} if {"integer", "fraction"} <= types else types
    return ", ".join(sorted(shown))


def _parameters(document: Document, operation: Node) -> dict[str, Node]:
    """`in name` -> parameter; those of a path by their place, since their names are not sent."""
    found: dict[str, Node] = {}
    in_path = 0
    for node in [*operation.get("shared", []), *operation.get("parameters", [])]:
        one = document.resolve(node)
        name, place = str(one.get("name", "")), str(one.get("in", ""))
        if place == "path":
            in_path += 1
            found[f"path {in_path}"] = one
        else:
            found[f"{place} {name.lower() if place == 'header' else name}"] = one
    return found


def _schema_of(document: Document, holder: Node) -> Node:
    """The schema of a parameter or header, wherever it stands."""
    if "schema" in holder:
        return dict(document.resolve(holder["schema"]) or {})
    content = holder.get("content", {})
    return next((one.get("schema", {}) for one in content.values()), {}) if isinstance(content, Mapping) else {}


def _scheme(document: Document, name: str) -> str:
    """What a security scheme is, whatever it is called."""
    schemes = document.data.get("components", {}).get("securitySchemes", {})
    one = document.resolve(schemes.get(name, {})) or {}
    return " ".join(str(one[key]) for key in ("type", "scheme", "in", "name") if key in one) or name


def _essence(media_type: str) -> str:
    return media_type.split(";", maxsplit=1)[0].strip().lower()
