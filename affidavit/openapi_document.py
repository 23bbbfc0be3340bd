"""The hand-written OpenAPI document as the checks see it: operations, and what each answer must look like.

It must not know providers or claims. It resolves references lazily through `referencing`, validates with
`jsonschema` (Draft 2020-12, the dialect of OpenAPI 3.1) and asserts formats, which JSON Schema only annotates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import unquote

import jsonschema
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from affidavit.exchange import ABSENT
from affidavit.pointer import join, tokens

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
MOST_REMEMBERED = 20_000
_BASE = "urn:affidavit:openapi"
_UTC_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")

FORMATS = FormatChecker(formats=["date-time", "email", "uuid", "uri", "ipv4", "date"])


@dataclass(frozen=True)
class SchemaError:
    """One reason a value does not match its schema."""

    pointer: str
    """Where in the value."""
    expected: str
    keyword: str
    example: str = ""
    """The pattern that the value does not match, where only the documents' examples show it; else ''."""


@dataclass(frozen=True)
class Operation:
    """One documented operation."""

    id: str
    method: str
    """Upper case."""
    template: str
    """Path template, e.g. `/v1/messages/{messageId}`."""
    data: Mapping[str, Any]
    pattern: re.Pattern[str]

    @cached_property
    def literal_segments(self) -> int:
        """How many segments hold no variable: the more, the better the match."""
        return sum("{" not in segment for segment in self.template.split("/"))

    @property
    def risk(self) -> str:
        """One of the risks of `affidavit.safety`; an operation without one is taken for the worst."""
        return str(self.data.get("x-risk", "real-message"))

    @property
    def needs_key(self) -> bool:
        """Whether the documents ask for an API key here."""
        return bool(self.data.get("security") != [])


class OpenApiDocument:
    """Operations and schemas of one provider."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the parsed YAML document."""
        self.data = document
        resource: Resource[Any] = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_BASE, resource)
        self.operations = {operation.id: operation for operation in _operations(document)}
        self._validators: dict[str, Draft202012Validator] = {}
        self._scalars: dict[tuple[str | int, type, Any], list[SchemaError]] = {}
        self._inline: dict[int, tuple[Mapping[str, Any], Draft202012Validator]] = {}
        """By identity of the schema, which is kept so that no other can get it."""
        # The document never changes, so what is found once stays true.
        self.schemas_at = cache(self._schemas_at)
        self.requires = cache(self._requires)
        self.response_schema = cache(self._response_schema)

    def match(self, method: str, path: str) -> Operation | None:
        """The documented operation a request addresses, by its raw path; literal segments win over variables."""
        candidates = [
            operation
            for operation in self.operations.values()
            if operation.method == method.upper() and operation.pattern.fullmatch(path)
        ]
        return max(candidates, key=lambda operation: operation.literal_segments, default=None)

    def path_values(self, operation: Operation, path: str) -> dict[str, str]:
        """Decoded path parameters of a raw path that matched `operation`."""
        found = operation.pattern.fullmatch(path)
        return {name: unquote(value) for name, value in (found.groupdict() if found else {}).items()}

    def documented_statuses(self, operation: str) -> tuple[str, ...]:
        """Status keys of the operation's responses, e.g. ('201', '4XX')."""
        return tuple(str(key) for key in self.operations[operation].data.get("responses", {}))

    def response(self, operation: str, status: int) -> tuple[str, Mapping[str, Any]] | None:
        """Pointer and object of the response that documents `status`, references resolved; None if undocumented."""
        responses = self.operations[operation].data.get("responses", {})
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in responses:
                return self._resolve(join(self._operation_pointer(operation) + "/responses", key))
        return None

    def _response_schema(self, operation: str, status: int) -> str | None:
        """Pointer to the JSON schema of the operation's answer with `status`, or None."""
        found = self.response(operation, status)
        if found is None:
            return None
        pointer, response = found
        for media_type in response.get("content", {}):
            if is_json(media_type):
                return join(join(pointer + "/content", media_type), "schema")
        return None

    def webhook_schema(self, name: str) -> str | None:
        """Pointer to the body schema of an outgoing webhook, or None."""
        for method, item in self.data.get("webhooks", {}).get(name, {}).items():
            for media_type in item.get("requestBody", {}).get("content", {}) if method in METHODS else {}:
                base = join(join("/webhooks", name), method) + "/requestBody/content"
                return join(join(base, media_type), "schema")
        return None

    def response_headers(self, operation: str, status: int) -> frozenset[str]:
        """Lower-case names of the headers that the document gives the operation's answer with `status`."""
        found = self.response(operation, status) if operation in self.operations else None
        return frozenset(name.lower() for name in (found[1].get("headers", {}) if found else ()))

    def keywords_at(self, schema: str, at: str, keyword: str) -> list[Any]:
        """What every schema that governs the value at `at` below `schema` says under a keyword."""
        found = (node for one in self.schemas_at(schema, at) for _, node in self._flat(one))
        return [node[keyword] for node in found if keyword in node]

    def _schemas_at(self, schema: str, at: str) -> list[str]:
        """Pointers of every sub-schema that governs the value at `at` (with `*`) below the schema at `schema`."""
        reached = [schema]
        for token in tokens(at):
            reached = [below for one in reached for below in self._below(one, token)]
        return reached

    def _requires(self, schema: str, at: str) -> bool:
        """Whether the document makes the member at `at` required in its parent."""
        *parent, last = tokens(at) or [""]
        owners = self.schemas_at(schema, "".join(join("", token) for token in parent))
        return any(last in node.get("required", []) for one in owners for _, node in self._flat(one))

    def errors(self, schema: str, value: Any) -> list[SchemaError]:  # noqa: ANN401 - any JSON value
        """Everything in `value` that the schema at pointer `schema` does not allow."""
        if isinstance(value, list | dict):
            return self._errors(schema, value)
        key = (schema, type(value), value)
        if key not in self._scalars:
            self._remember(key, self._errors(schema, value))
        return self._scalars[key]

    def _remember(self, key: tuple[str | int, type, Any], errors: list[SchemaError]) -> None:
        """Keep an answer; all are dropped when they are too many, so that a long record does not fill the memory."""
        if len(self._scalars) >= MOST_REMEMBERED:
            self._scalars.clear()
        self._scalars[key] = errors

    def _errors(self, schema: str, value: Any) -> list[SchemaError]:  # noqa: ANN401 - any JSON value
        if schema not in self._validators:
            self._validators[schema] = self._validator({"$ref": f"{_BASE}#{schema}"})
        return [_schema_error(error) for error in _leaves(self._validators[schema].iter_errors(value))]

    def inline_errors(self, schema: Mapping[str, Any], value: Any) -> list[SchemaError]:  # noqa: ANN401 - JSON value
        """The same for a schema given in place; `#/components/...` references point into this document."""
        if id(schema) not in self._inline:
            self._inline[id(schema)] = (schema, self._validator(schema))
        if isinstance(value, list | dict):
            return self._inline_errors(schema, value)
        key = (id(schema), type(value), value)
        if key not in self._scalars:
            self._remember(key, self._inline_errors(schema, value))
        return self._scalars[key]

    def _inline_errors(self, schema: Mapping[str, Any], value: Any) -> list[SchemaError]:  # noqa: ANN401 - JSON value
        return [_schema_error(error) for error in _leaves(self._inline[id(schema)][1].iter_errors(value))]

    def _validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        return Draft202012Validator(schema, registry=self._registry, format_checker=FORMATS)

    def _operation_pointer(self, operation: str) -> str:
        found = self.operations[operation]
        return join(join("/paths", found.template), found.method.lower())

    def _resolve(self, pointer: str) -> tuple[str, Any]:
        node: Any = self.data
        for token in tokens(pointer):
            node = node[int(token)] if isinstance(node, list) else node[token]
        if isinstance(node, Mapping) and isinstance(node.get("$ref"), str) and set(node) <= {"$ref", "description"}:
            return self._resolve(node["$ref"].removeprefix("#"))
        return pointer, node

    def _flat(self, pointer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The schema itself and every schema it is composed of without changing place."""
        pointer, node = self._resolve(pointer)
        if not isinstance(node, Mapping):
            return
        yield pointer, node
        if isinstance(node.get("$ref"), str):
            yield from self._flat(node["$ref"].removeprefix("#"))
        for keyword in ("allOf", "anyOf", "oneOf"):
            for index in range(len(node.get(keyword, []))):
                yield from self._flat(join(join(pointer, keyword), index))

    def _below(self, schema: str, token: str) -> Iterator[str]:
        is_item = token == "*" or token.isdecimal() or token.startswith("[")  # noqa: S105 - a reference token
        for pointer, node in self._flat(schema):
            if token in node.get("properties", {}):
                yield join(pointer + "/properties", token)
            elif is_item and isinstance(node.get("items"), Mapping):
                yield pointer + "/items"
            elif isinstance(node.get("additionalProperties"), Mapping) and "properties" not in node:
                yield pointer + "/additionalProperties"


def is_json(media_type: str | None) -> bool:
    """Whether a Content-Type value names JSON (application/json or a +json type)."""
    essence = (media_type or "").split(";")[0].strip().lower()
    return essence == "application/json" or essence.endswith("+json")


def instant(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a value is an RFC 3339 date-time."""
    return isinstance(value, str) and bool(_UTC_INSTANT.fullmatch(value)) and bool(FORMATS.conforms(value, "date-time"))


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for template, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                data = {"security": document.get("security"), **item[method]}
                yield Operation(data["operationId"], method.upper(), template, data, _pattern(template))


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile(
        "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    )


def _leaves(errors: Iterator[jsonschema.ValidationError]) -> Iterator[jsonschema.ValidationError]:
    """Innermost errors: what is wrong rather than 'no alternative fits'."""
    for error in errors:
        if error.context:
            best = jsonschema.exceptions.best_match([error])
            yield best if best is not None else error
        else:
            yield error


def _schema_error(error: jsonschema.ValidationError) -> SchemaError:
    at = ""
    for token in error.absolute_path:
        at = join(at, token)
    if error.validator == "required":
        names: Any = error.validator_value
        missing = next((name for name in names if error.message.startswith(repr(name))), "")
        return SchemaError(join(at, missing), "present", "required")
    keyword, wanted = str(error.validator), error.validator_value
    shown_only = keyword == "pattern" and isinstance(error.schema, Mapping) and error.schema.get("x-by-example")
    return SchemaError(at, _expectation(keyword, wanted), keyword, str(wanted) if shown_only else "")


def _expectation(keyword: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    words = {"type": "type", "enum": "one of", "format": "format", "pattern": "matching", "const": "exactly"}
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{words.get(keyword, keyword)} {shown}"


__all__ = ["ABSENT", "OpenApiDocument", "Operation", "SchemaError", "instant", "is_json"]
