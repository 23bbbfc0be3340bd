"""A JSON schema put in one plain form, so that two of them can be laid side by side.

References are followed, `allOf` is put together where that is certain, 3.0's `nullable` and boolean bounds become what
3.1 writes, and what only speaks to people is left out. What cannot be put together without guessing is kept as
`opaque`: of two different opaque parts nobody can say which allows more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from affidavit.pointer import tokens

Node = Mapping[str, Any]
TYPES = frozenset({"null", "boolean", "integer", "fraction", "string", "array", "object"})
"""JSON types; a number is an integer or a fraction."""
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
OTHER = (
    "pattern", "multipleOf", "uniqueItems", "not", "if", "then", "else", "patternProperties", "propertyNames",
    "contains", "minContains", "maxContains", "prefixItems", "dependentRequired", "dependentSchemas",
    "unevaluatedProperties", "unevaluatedItems", "discriminator", "readOnly", "writeOnly", "contentMediaType",
    "contentEncoding",
)  # fmt: skip
"""Keywords of which only sameness can be told."""
_DEPTH = 40


@dataclass
class Schema:
    """One schema in plain form."""

    types: frozenset[str] = TYPES
    enum: tuple[str, ...] | None = None
    """Allowed values as JSON, or None for all."""
    bounds: dict[str, float] = field(default_factory=dict)
    format: str = ""
    properties: dict[str, list[Node]] = field(default_factory=dict)
    """Name -> the schemas that all hold for it."""
    required: frozenset[str] = frozenset()
    extra: list[Node] | bool = True
    """What properties besides the named ones may be."""
    items: list[Node] = field(default_factory=list)
    alternatives: list[list[Node]] = field(default_factory=list)
    """Of each list at least one holds."""
    opaque: dict[str, list[str]] = field(default_factory=dict)
    """Keyword -> what is said under it, as JSON."""
    default: str = ""


class Document:
    """An OpenAPI 3.x document, to look things up in."""

    def __init__(self, data: Node) -> None:
        """Take the parsed document."""
        self.data = data

    def resolve(self, node: Any) -> Any:  # noqa: ANN401 - a node of a document
        """The node, or what its reference leads to; `{}` where it leads nowhere."""
        for _ in range(_DEPTH):
            if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
                return node
            node = self._at(node["$ref"])
        return {}

    def plain(self, nodes: Sequence[Node]) -> Schema:
        """What holds when all of these schemas hold."""
        schema = Schema()
        for node in self._all(nodes, 0):
            _add(schema, node)
        return self._with_null_alternative(schema)

    def canonical(self, node: Any, seen: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - a node of a document
        """The node with references followed and remarks left out: equal for schemas that say the same."""
        if isinstance(node, Mapping):
            target = node.get("$ref")
            if isinstance(target, str):
                if target in seen or len(seen) > _DEPTH:
                    return {"again": len(seen) - seen.index(target) if target in seen else 0}
                merged = {**_mapping(self._at(target)), **{key: value for key, value in node.items() if key != "$ref"}}
                return self.canonical(merged, (*seen, target))
            return {key: self.canonical(value, seen) for key, value in sorted(node.items()) if not _is_remark(key)}
        if isinstance(node, list):
            return [self.canonical(item, seen) for item in node]
        return node

    def key(self, nodes: Sequence[Node]) -> str:
        """Equal for equal schemas."""
        return json.dumps([self.canonical(one) for one in nodes], sort_keys=True)

    def _at(self, reference: str) -> Any:  # noqa: ANN401 - a node of a document
        node: Any = self.data
        if not reference.startswith("#"):
            return {}
        for token in tokens(reference.removeprefix("#")):
            if isinstance(node, Mapping):
                node = node.get(token, {})
            elif isinstance(node, list) and token.isdecimal() and int(token) < len(node):
                node = node[int(token)]
            else:
                return {}
        return node

    def _all(self, nodes: Sequence[Any], depth: int) -> Iterator[Node]:
        """The schemas and all that they refer to or are composed of by `allOf`."""
        for node in nodes:
            if node is False:
                yield {"enum": []}
            if not isinstance(node, Mapping) or depth > _DEPTH:
                continue
            if isinstance(node.get("$ref"), str):
                yield from self._all([self._at(node["$ref"])], depth + 1)
            yield from self._all(node.get("allOf", ()), depth + 1)
            yield {key: value for key, value in node.items() if key not in {"$ref", "allOf"}}

    def _with_null_alternative(self, schema: Schema) -> Schema:
        """`anyOf: [X, null]` says no more than X that may be null."""
        if len(schema.alternatives) != 1 or len(schema.alternatives[0]) != 2:
            return schema
        one, other = schema.alternatives[0]
        pairs = ((one, other), (other, one))
        rest = next((left for left, null in pairs if self.canonical(null) == {"type": "null"}), None)
        inner = self.plain([rest]) if rest is not None else None
        untold = Schema(alternatives=schema.alternatives, default=schema.default)
        if inner is None or schema != untold:
            return schema
        inner.types |= {"null"}
        if inner.enum is not None:
            inner.enum = (*inner.enum, "null")
        return inner


def _add(schema: Schema, node: Node) -> None:
    """Make the schema hold for this node too."""
    schema.types &= _types(node)
    values = [node["const"]] if "const" in node else node.get("enum")
    if isinstance(values, list):
        told = tuple(dict.fromkeys(json.dumps(one, sort_keys=True) for one in values))
        schema.enum = told if schema.enum is None else tuple(one for one in schema.enum if one in told)
    for name, value in _bounds(node):
        known = schema.bounds.get(name, value)
        schema.bounds[name] = max(known, value) if name in LOWER else min(known, value)
    _add_object(schema, node)
    if isinstance(node.get("items"), Mapping):
        schema.items.append(node["items"])
    for keyword in ("anyOf", "oneOf"):
        if isinstance(node.get(keyword), list):
            schema.alternatives.append(list(node[keyword]))
    for keyword in OTHER:
        if keyword in node:
            schema.opaque.setdefault(keyword, []).append(json.dumps(node[keyword], sort_keys=True))
    if "format" in node:
        schema.format = " and ".join(sorted({*filter(None, schema.format.split(" and ")), str(node["format"])}))
    if "default" in node:
        schema.default = json.dumps(node["default"], sort_keys=True)


def _add_object(schema: Schema, node: Node) -> None:
    for name, value in _mapping(node.get("properties")).items():
        schema.properties.setdefault(name, []).append(value)
    required = node.get("required")
    schema.required |= frozenset(required if isinstance(required, list) else ())
    extra = node.get("additionalProperties", True)
    if extra is False or schema.extra is False:
        schema.extra = False
    elif isinstance(extra, Mapping) and extra:
        schema.extra = [*(schema.extra if isinstance(schema.extra, list) else []), extra]


def _types(node: Node) -> frozenset[str]:
    named = node.get("type")
    if named is None:
        return _implied(node)
    told = {named} if isinstance(named, str) else set(named)
    if "number" in told:
        told = told - {"number"} | {"integer", "fraction"}
    return frozenset(told) | (frozenset({"null"}) if node.get("nullable") is True else frozenset())


def _implied(node: Node) -> frozenset[str]:
    """The types of a schema that names none: those of its values, or an object or array where it describes one."""
    values = [node["const"]] if "const" in node else node.get("enum")
    if isinstance(values, list):
        return frozenset(_type_of(one) for one in values)
    if "properties" in node:
        return frozenset({"object"})
    return frozenset({"array"}) if "items" in node else TYPES


def _type_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "integer" if float(value).is_integer() else "fraction"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _bounds(node: Node) -> Iterator[tuple[str, float]]:
    for name in (*LOWER, *UPPER):
        value = node.get(name)
        if value is True:  # 3.0: the bound itself is excluded
            limit = node.get("minimum" if "Min" in name else "maximum")
            if isinstance(limit, int | float):
                yield name, float(limit)
        elif isinstance(value, int | float) and not isinstance(value, bool) and node.get(_exclusive(name)) is not True:
            yield name, float(value)


def _exclusive(name: str) -> str:
    return {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}.get(name, "")


def _mapping(value: Any) -> Node:  # noqa: ANN401 - a node of a document
    return value if isinstance(value, Mapping) else {}


def _is_remark(key: str) -> bool:
    return key.startswith("x-") or key in {
        "title", "description", "summary", "example", "examples", "externalDocs", "xml", "$comment", "tags",
        "operationId", "links",
    }  # fmt: skip
