"""What templates become, and which of them can become nothing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.template import Scope, UnboundError, fill, forms_in, problem_with, rfc3339, variables_used

NOW = 1_800_000_000.25
SCOPE = Scope(
    now=lambda: NOW,
    salt="1",
    keys={"main": "sk_test_0"},
    number="+{}".format,
    recipient="12025550101",
    recipients={"fails": "12025550103"},
    bodies={"text": {"to": "{recipient}", "content": "{greeting}", "from": "x"}},
    variables={"greeting": "Hello", "identity": 7, "flag": True, "nothing": None, "items": ["a", {"b": 1}]},
)
TEXT = st.text(alphabet=st.characters(exclude_characters="{}"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def escaped(value: object) -> object:
    """A template that says the value literally, for values without a member that begins like a form."""
    if isinstance(value, str):
        return value.replace("{", "{{").replace("}", "}}")
    if isinstance(value, dict):
        return {name: escaped(member) for name, member in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_doubled_braces_say_anything_literally(value: object) -> None:
    template = escaped(value)
    if not list(forms_in(template)):
        assert fill(template, SCOPE) == value
        assert variables_used(template) == set()


@given(VALUES)
def test_a_variable_alone_keeps_its_type_whatever_it_holds(value: object) -> None:
    assert fill({"a": ["{value}"]}, SCOPE.binding(value=value)) == {"a": [value]}


@given(VALUES, TEXT, TEXT)
def test_a_variable_in_a_text_is_as_json_writes_it_and_not_filled_again(value: object, before: str, after: str) -> None:
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    filled = fill(f"{before}{{value}}{after}", SCOPE.binding(value=value))
    assert filled == (before + told + after if before or after else value)


@given(st.recursive(TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=5), st.data())
def test_every_variable_used_must_have_a_value(template: object, data: st.DataObject) -> None:
    name = data.draw(st.from_regex("[a-z]{3}_x", fullmatch=True))
    template = {"a": template, "b": [f"x{{{name}}}"]}
    assert name in variables_used(template)
    if not list(forms_in(template)):
        with pytest.raises(UnboundError, match=name):
            fill(template, SCOPE)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{identity}", 7),
        ("no. {identity}", "no. 7"),
        ("{flag} {nothing} {items}", 'true null ["a", {"b": 1}]'),
        ("{{identity}}", "{identity}"),
        ("{{{identity}}}", "{7}"),
        ("{recipient}", "+12025550101"),
        ("{recipient:fails}", "+12025550103"),
        ("{ identity }", "{ identity }"),
        ({"{identity}": 1}, {"{identity}": 1}),
        ({"$like": "text"}, {"to": "+12025550101", "content": "Hello", "from": "x"}),
        ({"$like": "text", "with": {"to": None, "n": "{identity}"}, "without": ["from", "other"]},
         {"to": None, "content": "Hello", "n": 7}),
        ({"with": {"to": None}, "$like": "text", "without": ["from"]}, {"to": None, "content": "Hello"}),
        ({"$repeat": {"text": "a{identity}", "times": 3}}, "a7a7a7"),
        ({"$join": ["a", "{identity}", {"$repeat": {"text": "{flag}", "times": 1}}]}, "a7true"),
        ({"$list": {"of": {"n": "{index}"}, "times": 2}}, [{"n": 0}, {"n": 1}]),
        ({"$list": {"of": "x{index}", "times": 0}}, []),
        ({"$key": "main"}, "sk_test_0"),
        ({"$time": {"after": 1}}, "2027-01-15T08:00:01.250Z"),
        ({"$time": {"after": -0.25, "offset": "-05:30"}}, "2027-01-15T02:30:00.000-05:30"),
    ],
)  # fmt: skip
def test_a_template_becomes(template: object, value: object) -> None:
    filled = fill(template, SCOPE)
    assert filled == value
    assert type(filled) is type(value)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{missing}", "missing"),
        ("a {missing}", "missing"),
        ("{recipient:missing}", "recipient:missing"),
        ({"$key": "live"}, "key:live"),
        ([{"a": {"$list": {"of": "{missing}", "times": 1}}}], "missing"),
    ],
)
def test_what_has_no_value_is_named(template: object, name: str) -> None:
    with pytest.raises(UnboundError) as raised:
        fill(template, SCOPE)
    assert raised.value.name == name


def test_shared_bodies_stay_as_they_are() -> None:
    fill({"$like": "text", "with": {"to": None}, "without": ["from"]}, SCOPE)
    assert SCOPE.bodies["text"] == {"to": "{recipient}", "content": "{greeting}", "from": "x"}


def test_a_unique_text_is_the_same_for_its_name_and_run_only() -> None:
    one, again, other = (fill(f"{{unique:{name}}}", SCOPE) for name in ("a", "a", "b"))
    assert one == again != other
    assert 20 <= len(one) <= 40
    assert one.isascii()
    assert one.isprintable()
    assert fill("{unique:a}", Scope(SCOPE.now, "2", {}, str, "1")) != one


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"$like": "text", "with": {}}, ""),
        ({"$lik": "text"}, "unknown form '$lik'"),
        ({"$join": [], "with": {}}, "'$join' stands beside ['with']"),
        ({"$like": "text", "wiht": {}}, "'$like' stands beside ['wiht']; only ['with', 'without'] may"),
        ({"a": 1, "$key": "main"}, "'$key' stands beside ['a']"),
    ],
)
def test_a_form_has_its_own_keys_only(form: dict[str, Any], problem: str) -> None:
    assert problem_with(form).startswith(problem)
    assert bool(problem_with(form)) is bool(problem)


def test_forms_are_found_at_every_depth() -> None:
    template = {"a": [{"$like": "text", "with": {"b": {"$key": "main"}}}], "c": {"d": 1}}
    assert [next(iter(form)) for form in forms_in(template)] == ["$like", "$key"]


@given(st.integers(0, 4_000_000_000), st.sampled_from(["Z", "+02:00", "-05:30", "+00:00"]))
def test_an_instant_is_the_same_at_every_offset(moment: int, offset: str) -> None:
    text = rfc3339(moment, offset)
    assert text.endswith(offset)
    assert datetime.fromisoformat(text).timestamp() == moment
