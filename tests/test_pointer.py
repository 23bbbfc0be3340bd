"""Pointers find what they name, and a place that was found can be named again."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.exchange import ABSENT
from affidavit.pointer import first, join, locate, put, tokens, values

NAMES = st.text(max_size=4).filter(lambda name: name != "*" and not (name.startswith("[") and name.endswith("]")))
"""Names of members: one that is spelled like `*` or a condition cannot be named."""
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
POINTERS = st.lists(st.sampled_from(["*", "0", "1", "a", "b", "~", "/"]), max_size=3)
MESSAGES = {"data": [{"id": "a", "on": True, "n": 1}, {"id": "b"}, 7, {"id": "c", "on": False, "n": None}]}


def every_place(node: object, at: str = "") -> dict[str, object]:
    """Every place in a document with its value, by walking down it: a second, naive reader."""
    found = {at: node}
    if isinstance(node, dict):
        for name, member in node.items():
            found |= every_place(member, join(at, name))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            found |= every_place(item, join(at, index))
    return found


@given(st.lists(st.text(max_size=4)))
def test_joined_tokens_are_split_into_the_same_tokens(names: list[str]) -> None:
    pointer = ""
    for name in names:
        pointer = join(pointer, name)
    assert tokens(pointer) == names


@given(DOCUMENTS)
def test_every_place_of_a_document_can_be_named(document: object) -> None:
    for pointer, value in every_place(document).items():
        assert list(locate(document, pointer)) == [(pointer, value)]


@given(DOCUMENTS, POINTERS)
def test_what_is_located_stands_where_it_is_said_to_stand(document: object, names: list[str]) -> None:
    pointer = ""
    for name in names:
        pointer = join(pointer, name)
    there = every_place(document)
    for at, value in locate(document, pointer):
        if value is ABSENT:
            assert at not in there
            assert isinstance(there[at.rpartition("/")[0]], dict)
        else:
            assert there[at] is value
    assert values(document, pointer) == [value for _, value in locate(document, pointer) if value is not ABSENT]
    assert first(document, pointer) == next((value for _, value in locate(document, pointer)), ABSENT)


@given(DOCUMENTS, POINTERS)
def test_what_is_put_is_found_there_and_the_original_stays(document: object, names: list[str]) -> None:
    pointer = ""
    for name in names:
        pointer = join(pointer, name)
    before = deepcopy(document)
    changed = put(document, pointer, "new")
    assert document == before
    assert [at for at, _ in locate(changed, pointer)] == [at for at, _ in locate(document, pointer)]
    assert all(value == "new" for value in values(changed, pointer))


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/data/0/id", [("/data/0/id", "a")]),
        ("/data/*/id", [("/data/0/id", "a"), ("/data/1/id", "b"), ("/data/3/id", "c")]),
        ("/data/*/on", [("/data/0/on", True), ("/data/1/on", ABSENT), ("/data/3/on", False)]),
        ("/data/[id=b]", [("/data/1", {"id": "b"})]),
        ("/data/[id=x|c|b]/id", [("/data/1/id", "b")]),
        ("/data/[id=x]", []),
        ("/data/9", []),
        ("/data/2/id", []),
        ("/none/id", []),
        ("/none", [("/none", ABSENT)]),
    ],
)
def test_a_pointer_names_these_places(pointer: str, found: list[tuple[str, Any]]) -> None:
    assert list(locate(MESSAGES, pointer)) == found


@pytest.mark.parametrize("index", ["01", "-1", "+1", "1.0", " 1", "\u0660", "\uff11", "²", ""])
def test_only_a_plain_number_is_an_index(index: str) -> None:
    assert list(locate(["a", "b"], join("", index))) == []


@pytest.mark.parametrize(
    ("condition", "identity"), [("on=true", "a"), ("on=false", "c"), ("n=1", "a"), ("n=null", "c")]
)
def test_a_condition_compares_with_the_value_as_json_writes_it(condition: str, identity: str) -> None:
    assert first(MESSAGES, f"/data/[{condition}]/id") == identity


@pytest.mark.parametrize("condition", ["nothing=None", "nothing=null", "on=True"])
def test_a_member_that_is_not_there_meets_no_condition(condition: str) -> None:
    assert first(MESSAGES, f"/data/[{condition}]") is ABSENT


def test_what_is_no_pointer_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="'data' is not a JSON Pointer: it must be empty or start with '/'"):
        tokens("data")


def test_only_values_of_the_type_are_put_over() -> None:
    assert put({"to": ["a", 1, None]}, "/to/*", "b", over=str) == {"to": ["b", 1, None]}


def test_a_member_is_found_by_what_it_holds() -> None:
    document = {"success": True, "data": {"id": "m", "status": "read"}}
    assert list(locate(document, "/[status=delivered|read]/id")) == [("/data/id", "m")]
    assert not list(locate(document, "/[status=failed]/id"))
