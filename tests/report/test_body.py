"""A body laid out: every token as it came, and the lines that a pointer names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.report.body import MOST_LAID_OUT, laid_out

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


def marked(body: str, pointer: str) -> str:
    laid = laid_out(body, [pointer])
    first, last = laid.spans[pointer]
    return "\n".join(laid.text.split("\n")[first : last + 1])


@given(VALUES)
def test_what_is_shown_means_what_came(value: object) -> None:
    assert json.loads(laid_out(json.dumps(value)).text) == value


def test_no_token_is_written_anew() -> None:
    body = '{"a":1.00,"a":1E5,"b":"\\u202e\\/","c":[],"d":{}}'
    assert laid_out(body).text == '{\n  "a": 1.00,\n  "a": 1E5,\n  "b": "\\u202e\\/",\n  "c": [],\n  "d": {}\n}'


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("/data/0/id", '      "id": 7'),
        ("/data/1", "    [\n      1\n    ]"),
        ("/a~1b", '  "a/b": null'),
        ("/data/0/missing", '    {\n      "id": 7\n    },'),
        (
            "/nowhere/at/all",
            '{\n  "data": [\n    {\n      "id": 7\n    },\n    [\n      1\n    ]\n  ],\n  "a/b": null\n}',
        ),
    ],
)
def test_a_pointer_names_its_lines_or_those_of_what_should_hold_it(pointer: str, shown: str) -> None:
    assert marked('{"data": [{"id": 7}, [1]], "a/b": null}', pointer) == shown


@pytest.mark.parametrize("body", ["", "<html>", '{"a":', "[" * 5000, "[" + "1," * MOST_LAID_OUT + "1]"])
def test_what_is_no_json_or_too_much_is_shown_as_it_came(body: str) -> None:
    assert laid_out(body, ["/a"]) == laid_out(body)
    assert laid_out(body).text == body


def test_what_cannot_be_seen_is_named() -> None:
    assert laid_out('["\u202e\u200b\ufeff\x7f"]').text == '[\n  "[U+202E][U+200B][U+FEFF][U+007F]"\n]'
    assert laid_out("\x00\u2066\ud800").text == "[U+0000][U+2066][U+D800]"
