"""Two documents: every rule speaks, and speaks the other way round when the documents are swapped."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from affidavit.documents import OPENAPI, providers
from affidavit.errors import UsageError
from affidavit.gate.difference import Severity
from affidavit.gate.documents import RULES, compare_documents
from affidavit.sandbox.whatsapi.published import openapi_document

Document = dict[str, Any]
BREAKING, UNKNOWN, COMPATIBLE = Severity.BREAKING, Severity.UNKNOWN, Severity.COMPATIBLE
STRING: Document = {"type": "string"}


def document(schema: Any = None, **operation: Any) -> Document:  # noqa: ANN401 - parts of a document
    """One operation that takes and gives the schema."""
    content = {"application/json": {"schema": STRING if schema is None else schema}}
    own = {"requestBody": {"content": content}, "responses": {"200": {"content": content}}, **operation}
    return {"openapi": "3.1.0", "paths": {"/things/{id}": {"post": own}}}


def found(before: Document, after: Document) -> set[tuple[str, str, str, Severity]]:
    """Operation, rule, place and severity of every change."""
    return {
        (one.identity.operation, one.identity.subject, one.identity.at, one.severity)
        for one in compare_documents("p", before, after)
    }


def thing(required: list[str] | None = None, **properties: Any) -> Document:  # noqa: ANN401 - schemas
    return {"type": "object", "properties": properties, "required": required or []}


SCHEMAS: list[tuple[str, Any, Any, str, str, Severity, Severity]] = [
    ("a new type", STRING, {"type": ["string", "null"]}, "types-added", "", COMPATIBLE, BREAKING),
    ("3.0's null", STRING, {"type": "string", "nullable": True}, "types-added", "", COMPATIBLE, BREAKING),
    ("null beside it", STRING, {"anyOf": [STRING, {"type": "null"}]}, "types-added", "", COMPATIBLE, BREAKING),
    ("a narrower number", {"type": "number"}, {"type": "integer"}, "types-removed", "", BREAKING, COMPATIBLE),
    ("another type", STRING, {"type": "integer"}, "types-changed", "", BREAKING, BREAKING),
    ("a value more", {"enum": ["a"]}, {"enum": ["a", "b"]}, "value-added", "", COMPATIBLE, UNKNOWN),
    ("a value less", {"enum": ["a", "b"]}, {"enum": ["b"]}, "value-removed", "", BREAKING, COMPATIBLE),
    ("a list of values", STRING, {"enum": ["a"], **STRING}, "values-closed", "", BREAKING, COMPATIBLE),
    ("a shorter text", {**STRING, "maxLength": 9}, {**STRING, "maxLength": 5}, "bound-tightened", "", BREAKING,
     COMPATIBLE),
    ("no bound any more", {**STRING, "minLength": 1}, STRING, "bound-loosened", "", COMPATIBLE, BREAKING),
    ("another format", STRING, {**STRING, "format": "uuid"}, "format-changed", "", UNKNOWN, UNKNOWN),
    ("another pattern", STRING, {**STRING, "pattern": "a"}, "schema-changed", "", UNKNOWN, UNKNOWN),
    ("a default", STRING, {**STRING, "default": "a"}, "default-changed", "", UNKNOWN, COMPATIBLE),
    ("an optional property", thing(), thing(a=STRING), "property-added", "/a", COMPATIBLE, COMPATIBLE),
    ("one gone", thing(a=STRING), thing(), "property-removed", "/a", UNKNOWN, UNKNOWN),
    ("a required property", thing(), thing(["a"], a=STRING), "required-property-added", "/a", BREAKING, COMPATIBLE),
    ("a required one gone", thing(["a"], a=STRING), thing(), "required-property-removed", "/a", UNKNOWN, BREAKING),
    ("required now", thing(a=STRING), thing(["a"], a=STRING), "became-required", "/a", BREAKING, COMPATIBLE),
    ("optional now", thing(["a"], a=STRING), thing(a=STRING), "became-optional", "/a", COMPATIBLE, BREAKING),
    ("closed", thing(), {**thing(), "additionalProperties": False}, "extra-closed", "", BREAKING, COMPATIBLE),
    ("items", {"type": "array", "items": STRING}, {"type": "array", "items": {"type": "null"}}, "types-changed", "/*",
     BREAKING, BREAKING),
    ("a map's values", {"type": "object", "additionalProperties": STRING},
     {"type": "object", "additionalProperties": {"type": ["string", "null"]}}, "types-added", "/*", COMPATIBLE,
     BREAKING),
    ("an alternative more", {"oneOf": [STRING]}, {"oneOf": [STRING, thing()]}, "alternative-added", "", COMPATIBLE,
     UNKNOWN),
    ("other alternatives", {"oneOf": [STRING, thing()]}, {"oneOf": [{"type": "boolean"}, {"type": "array"}]},
     "schema-changed", "", UNKNOWN, UNKNOWN),
    ("inside one alternative", {"oneOf": [STRING, thing()]}, {"oneOf": [STRING, thing(a=STRING)]}, "property-added",
     "/a", COMPATIBLE, COMPATIBLE),
    ("a part of allOf", {"allOf": [thing(a=STRING)]}, {"allOf": [thing(a=STRING), thing(b=STRING)]}, "property-added",
     "/b", COMPATIBLE, COMPATIBLE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "rule", "at", "asked", "got"), [one[1:] for one in SCHEMAS], ids=[one[0] for one in SCHEMAS]
)
def test_a_schema_means_one_thing_in_a_request_and_another_in_an_answer(  # noqa: PLR0913, PLR0917 - a table's columns
    before: Document, after: Document, rule: str, at: str, asked: Severity, got: Severity
) -> None:
    where = "POST /things/{}"
    assert found(document(before), document(after)) == {
        (where, rule, f"the request {at}".strip(), asked),
        (where, rule, f"the answer 200 {at}".strip(), got),
    }


def parameter(**more: Any) -> Document:  # noqa: ANN401 - parts of a parameter
    return document(parameters=[{"name": "limit", "in": "query", "schema": {"type": "integer"}, **more}])


def header(**more: Any) -> Document:  # noqa: ANN401 - parts of a header
    return document(responses={"200": {"headers": {"X-Left": {"schema": {"type": "integer"}, **more}}}})


BARE = document(responses={"200": {}})
OPERATIONS: list[tuple[Document, Document, str, str, Severity]] = [
    (document(), {"openapi": "3.1.0", "paths": {}}, "operation-removed", "", BREAKING),
    (document(), parameter(), "parameter-added", "the request query limit", COMPATIBLE),
    (document(), parameter(required=True), "required-parameter-added", "the request query limit", BREAKING),
    (parameter(), parameter(required=True), "became-required", "the request query limit", BREAKING),
    (parameter(), parameter(schema=STRING), "types-changed", "the request query limit", BREAKING),
    (document(), document(requestBody=None), "body-removed", "the request", UNKNOWN),
    (document(requestBody=None), document(requestBody={"required": True}), "required-body-added", "the request",
     BREAKING),
    (document(), document(responses={}), "success-removed", "200", BREAKING),
    (BARE, document(responses={"200": {}, "404": {}}), "status-added", "404", COMPATIBLE),
    (BARE, document(responses={"200": {}, "202": {}}), "status-added", "202", COMPATIBLE),
    (document(), BARE, "media-type-removed", "the answer 200 application/json", BREAKING),
    (header(), BARE, "header-removed", "the answer 200 X-Left", UNKNOWN),
    (header(required=True), BARE, "required-header-removed", "the answer 200 X-Left", BREAKING),
    (header(), header(schema=STRING), "types-changed", "the answer 200 X-Left", BREAKING),
    (document(), document(security=[{"key": []}]), "key-needed", "", BREAKING),
    (document(security=[{"key": []}]), document(security=[{"other": []}]), "key-changed", "", UNKNOWN),
    (document(), document(deprecated=True), "deprecated", "", COMPATIBLE),
    (document(), {**document(), "webhooks": {"told": {"post": {}}}}, "webhook-added", "", COMPATIBLE),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "rule", "at", "severity"), OPERATIONS)
def test_a_change_of_an_operation_is_one_rule_at_one_place(
    before: Document, after: Document, rule: str, at: str, severity: Severity
) -> None:
    assert {(one[1], one[2], one[3]) for one in found(before, after)} == {(rule, at, severity)}


def test_a_webhook_is_an_answer() -> None:
    one, other = (
        {
            **document(),
            "webhooks": {"told": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}},
        }
        for schema in (STRING, {"type": ["string", "null"]})
    )
    assert found(one, other) == {("webhook told", "types-added", "its body", BREAKING)}


def test_every_rule_has_a_case_and_its_opposite_is_its_own() -> None:
    seen = {one[3] for one in SCHEMAS} | {one[2] for one in OPERATIONS}
    assert {name for name in RULES if name not in seen and RULES[name].opposite not in seen} == set()
    assert all(RULES[rule.opposite].opposite == name for name, rule in RULES.items())


def ours(provider: str) -> Document:
    data: Document = yaml.safe_load((OPENAPI / provider / "openapi.yaml").read_text("utf-8"))
    return data


SWAPPED = [
    (ours("whatsapi"), dict(openapi_document())),
    (ours("whatsapi"), ours("chatmaid")),
    *((document(one[1]), document(one[2])) for one in SCHEMAS),
    *((one[0], one[1]) for one in OPERATIONS),
]


@pytest.mark.parametrize("pair", SWAPPED, ids=[str(number) for number in range(len(SWAPPED))])
def test_swapped_documents_turn_every_rule_into_its_opposite(pair: tuple[Document, Document]) -> None:
    there = {(where, rule, at) for where, rule, at, _ in found(*pair)}
    back = {(where, RULES[rule].opposite, at) for where, rule, at, _ in found(pair[1], pair[0])}
    assert there == back


@pytest.mark.parametrize("provider", providers())
def test_what_says_the_same_differs_in_nothing(provider: str) -> None:
    one = ours(provider)
    text = json.dumps(one)
    for name in one["components"]["schemas"]:
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/New{name}"')
    other = json.loads(text)
    other["components"]["schemas"] = {
        f"New{key}": value for key, value in reversed(other["components"]["schemas"].items())
    }
    other["paths"] = dict(reversed(other["paths"].items()))
    other["info"] = {"title": "Another", "version": "9"}
    assert found(one, other) == set()


def test_another_name_of_a_path_variable_and_a_server_that_holds_the_base_change_nothing() -> None:
    other = document()
    other["paths"] = {"/{thing}": copy.deepcopy(other["paths"]["/things/{id}"])}
    other["servers"] = [{"url": "https://api.example.com/things/"}]
    assert found(document(), other) == set()


def test_a_schema_that_holds_itself_is_compared_to_the_end() -> None:
    def tree(**more: Any) -> Document:  # noqa: ANN401 - schemas
        node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, **more}}
        return {**document({"$ref": "#/components/schemas/Node"}), "components": {"schemas": {"Node": node}}}

    assert ("POST /things/{}", "property-added", "the answer 200 /a", COMPATIBLE) in found(tree(), tree(a=STRING))


@pytest.mark.parametrize(
    "broken",
    [
        {"$ref": "#/components/schemas/Nowhere"},
        {"$ref": "other.yaml#/A"},
        {"allOf": [{"$ref": "#/components/schemas/Nowhere"}]},
        {"type": "object", "properties": None, "required": "all"},
        {"anyOf": "x", "enum": 3, "items": True},
        True,
        False,
        [],
    ],
)
def test_a_document_with_holes_is_compared_all_the_same(broken: Any) -> None:  # noqa: ANN401 - any JSON value
    for pair in ((document(), document(broken)), (document(broken), document())):
        assert all(one.says for one in compare_documents("p", *pair))


@pytest.mark.parametrize(
    "data", [{}, {"swagger": "2.0"}, {"openapi": "4.0", "paths": {}}, {"openapi": "3.1.0", "paths": []}]
)
def test_what_is_no_openapi_3_document_is_refused(data: Document) -> None:
    with pytest.raises(UsageError, match="no OpenAPI 3 document"):
        compare_documents("p", data, document())


@given(
    st.recursive(
        st.sampled_from([STRING, {"type": "integer"}, {"enum": ["a", None]}, {"type": "number", "maximum": 3}]),
        lambda inner: st.one_of(
            st.builds(lambda one: {"type": "array", "items": one}, inner),
            st.dictionaries(st.sampled_from("abc"), inner).map(lambda some: thing(sorted(some)[:1], **some)),
            st.lists(inner, min_size=1, max_size=3).map(lambda some: {"anyOf": some}),
            st.lists(inner, min_size=1, max_size=2).map(lambda some: {"allOf": some}),
        ),
        max_leaves=8,
    ).flatmap(lambda one: st.tuples(st.just(one), st.just(one)))
)
def test_any_schema_equals_itself(pair: tuple[Document, Document]) -> None:
    assert found(document(pair[0]), document(copy.deepcopy(pair[1]))) == set()
