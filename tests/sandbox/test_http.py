from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.sandbox.http import UnreadableBodyError, bearer, from_json, is_json, json_response, rfc3339, segments


def test_a_response_is_compact_json_in_utf_8() -> None:
    response = json_response(201, {"text": "Zürich 👍", "list": [1, None]}, (("Allow", "GET"),))
    assert response.status == 201
    assert response.headers == (("Content-Type", "application/json; charset=utf-8"), ("Allow", "GET"))
    assert response.body == '{"text":"Zürich 👍","list":[1,null]}'.encode()


def test_what_cannot_be_encoded_becomes_a_question_mark() -> None:
    assert json_response(200, "\ud800").body == b'"?"'


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/", ("",)),
        ("/v1/messages", ("v1", "messages")),
        ("/v1/messages/", ("v1", "messages", "")),
        ("//v1", ("", "v1")),
        ("/v1/%2B1202/status", ("v1", "+1202", "status")),
        ("/v1/+1202", ("v1", "+1202")),
        ("/v1/a%2Fb", ("v1", "a/b")),
        ("/v1/%ff", ("v1", "\ufffd")),
        ("/v1/%", ("v1", "%")),
    ],
)
def test_a_path_is_split_before_it_is_decoded(path: str, parts: tuple[str, ...]) -> None:
    assert segments(path) == parts


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   abc ", "abc"),
        ("Bearer a b", "a b"),
        ("Bearer ", None),
        ("Bearer", None),
        ("Bearerabc", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
    ],
)
def test_a_token_comes_after_the_word_bearer(header: str, token: str | None) -> None:
    assert bearer({"authorization": header}) == token


def test_without_the_header_there_is_no_token() -> None:
    assert bearer({"x-api-key": "abc"}) is None


@pytest.mark.parametrize(
    ("declared", "answer"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/json;charset=utf-8", True),
        ("application/problem+json", False),
        ("text/json", False),
        ("", False),
    ],
)
def test_json_is_what_is_declared_to_be_json(declared: str, *, answer: bool) -> None:
    assert is_json({"content-type": declared}) is answer


def test_a_body_without_a_type_is_not_json() -> None:
    assert is_json({}) is False


@pytest.mark.parametrize(
    ("moment", "with_milliseconds", "without"),
    [
        (0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z"),
        (1_893_553_445.678, "2030-01-02T03:04:05.678Z", "2030-01-02T03:04:05Z"),
        (1_893_553_445.9996, "2030-01-02T03:04:06.000Z", "2030-01-02T03:04:06Z"),
        (-0.001, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59Z"),
    ],
)
def test_a_moment_is_written_to_the_nearest_millisecond_or_cut_to_the_second(
    moment: float, with_milliseconds: str, without: str
) -> None:
    assert rfc3339(moment) == with_milliseconds
    assert rfc3339(moment, milliseconds=False) == without


@settings(deadline=None)
@given(st.integers(0, 4_000_000_000_000))
def test_every_millisecond_survives_being_written_and_read(milliseconds: int) -> None:
    read = datetime.fromisoformat(rfc3339(milliseconds / 1000))
    assert round((read - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000) == milliseconds


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a":1}x', "not valid JSON"),
        (b"{'a':1}", "not valid JSON"),
        (b'{"a":NaN}', "NaN is not a JSON value"),
        (b"[-Infinity]", "-Infinity is not a JSON value"),
        (b'"a\nb"', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'{"a":"\xff"}', "not valid UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not valid UTF-8"),
        (b'"\xed\xa0\x80"', "not valid UTF-8"),
        (rb'{"a":"\ud800"}', "unpaired surrogate"),
        (rb'{"\udc00":1}', "unpaired surrogate"),
        (b"1" * 5000, "out of range"),
        (b"1e999", "out of range"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_is_not_usable_json_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableBodyError, match=reason):
        from_json(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'"\ud83d\udc4d"', "👍"),
        (rb'"\u0000"', "\0"),
        (rb'"\\ud800"', r"\ud800"),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b" [1.5, 1e3] ", [1.5, 1000.0]),
        (b"null", None),
    ],
)
def test_a_body_that_is_usable_json_is_read(body: bytes, value: object) -> None:
    assert from_json(body) == value


@settings(deadline=None)
@given(st.binary() | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        from_json(body)
    except UnreadableBodyError as error:
        assert str(error)  # noqa: PT017 - both outcomes are fine, an empty reason is not
