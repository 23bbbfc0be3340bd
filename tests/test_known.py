"""What the record tells of the things that exist, from exchanges made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from json import dumps
from typing import Any

import pytest

from affidavit.documents import load_catalog
from affidavit.exchange import Exchange, Request, Response
from affidavit.known import MOST_VALUES, Known, Place

DOCUMENT = load_catalog("chatmaid").openapi
SENDER = "+12025550110"


Row = tuple[str, str, Any, int, Any]
"""Method, path with query, body, status, answer."""


@pytest.fixture
def known() -> Known:
    return Known(DOCUMENT)


def record(*rows: Row) -> list[Exchange]:
    """Exchanges of the main key."""
    return list(exchanges(rows))


def exchanges(rows: tuple[Row, ...], role: str = "main") -> Iterator[Exchange]:
    for seq, (method, target, body, status, answer) in zip(count(1), rows, strict=False):
        path, _, query = target.partition("?")
        pairs = tuple((name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")) if name)
        operation = DOCUMENT.match(method, path)
        request = Request(method, target, path, pairs, (), dumps(body) if body is not None else None)
        response = Response(status, (), dumps(answer))
        yield Exchange(
            seq, "chatmaid", operation.id if operation else None, "p/s", role, request, response, None, 0.0, 0.0
        )


PHONES: Row = ("GET", "/v1/phone-numbers", None, 200, {"data": [{"id": "ph_1", "phoneNumber": SENDER}]})
SEND = {"fromPhoneId": SENDER, "to": "+12025550101", "content": "hello"}
SENT: Row = (
    "POST",
    "/v1/messages/send",
    SEND,
    201,
    {"data": {"id": "msg_1", "to": "+12025550101", "content": "hello"}},
)


def test_an_id_that_was_read_is_known_and_one_that_was_not_found_is_not(known: Known) -> None:
    known.learn(record(("GET", "/v1/messages/msg_1", None, 200, {}), ("GET", "/v1/messages/msg_2", None, 404, {})))
    assert known.values("getMessage", "main") == {Place("path", "messageId"): ["msg_1"]}


def test_an_id_is_known_decoded(known: Known) -> None:
    known.learn(record(("GET", "/v1/phone-numbers/%2B12025550110", None, 200, {})))
    assert known.values("getPhoneNumber", "main") == {Place("path", "id"): [SENDER]}


def test_of_a_body_only_what_the_target_spoke_of_first_is_known(known: Known) -> None:
    known.learn(record(PHONES, SENT, SENT))
    assert known.values("sendMessage", "main") == {Place("body", "/fromPhoneId"): [SENDER]}


def test_a_body_field_the_target_never_spoke_of_stays_invented(known: Known) -> None:
    known.learn(record(SENT, SENT))
    assert known.values("sendMessage", "main") == {}


def test_a_filter_counts_when_the_target_spoke_of_its_value(known: Known) -> None:
    filtered: Row = ("GET", "/v1/messages?phoneNumberId=ph_1&limit=5", None, 200, {})
    known.learn(record(PHONES, ("GET", "/v1/messages", None, 200, {}), filtered))
    assert known.values("listMessages", "main") == {Place("query", "phoneNumberId"): ["ph_1"]}


def test_a_parameter_of_every_accepted_request_counts(known: Known) -> None:
    known.learn(record(("GET", "/v1/messages?limit=5", None, 200, {}), ("GET", "/v1/messages?limit=6", None, 200, {})))
    assert known.values("listMessages", "main") == {Place("query", "limit"): ["5", "6"]}


def test_what_one_key_was_given_is_not_known_to_another(known: Known) -> None:
    known.learn(record(("GET", "/v1/messages/msg_1", None, 200, {})))
    assert known.values("getMessage", "live") == {}


def test_the_newest_values_are_kept(known: Known) -> None:
    known.learn(record(*(("GET", f"/v1/messages/msg_{number}", None, 200, {}) for number in range(MOST_VALUES + 2))))
    assert known.values("getMessage", "main")[Place("path", "messageId")] == [
        f"msg_{number}" for number in range(2, MOST_VALUES + 2)
    ]


def test_a_redacted_value_is_of_no_use(known: Known) -> None:
    known.learn(record(("GET", "/v1/messages/⟨key main: sk_test_ + 32 hex⟩", None, 200, {})))
    assert known.values("getMessage", "main") == {}


def test_the_record_is_read_once(known: Known) -> None:
    exchanges = record(PHONES)
    known.learn(exchanges)
    exchanges += record(SENT)
    known.learn(exchanges)
    assert Place("body", "/fromPhoneId") in known.values("sendMessage", "main")


def test_another_key_reads_where_only_that_one_was_given_anything(known: Known) -> None:
    rows: tuple[Row, ...] = (("GET", "/v1/messages/inbound/in_1", None, 200, {}),)
    known.learn(list(exchanges(rows, role="live")))
    read, send = DOCUMENT.operations["getInboundMessage"], DOCUMENT.operations["sendMessage"]
    assert known.role(read, "main") == "live"
    assert known.role(send, "main") == "main"
    known.learn([*exchanges(rows, role="live"), *exchanges(rows, role="main")])
    assert known.role(read, "main") == "main"
