"""Nothing that could reach a person, cost money or change an account leaves for a real target unasked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.documents import load_catalog, providers
from affidavit.exchange import ABSENT
from affidavit.openapi_document import Operation
from affidavit.safety import FREE_RISKS, OPEN_TO_SACRIFICIAL, RISKS, SACRIFICIAL, Policy, refusal, risk_of

OPERATIONS: dict[str, dict[str, Operation]] = {
    name: dict(load_catalog(name).openapi.operations.items()) for name in providers()
}
EVERY = [one for operations in OPERATIONS.values() for one in operations.values()]
REAL = Policy()
NOBODY = "+12025550101"


def refused(body: Any, *, provider: str = "chatmaid", policy: Policy = REAL, key: str = "sk_test_1") -> str:  # noqa: ANN401 - any JSON value
    operation = OPERATIONS[provider]["sendMessage"]
    return refusal(policy, operation, operation.method, key, "main", body)


@pytest.mark.parametrize("operation", EVERY, ids=lambda one: one.id)
def test_every_operation_has_a_risk_and_leaves_only_where_that_is_free_or_allowed(operation: Operation) -> None:
    assert operation.risk in RISKS
    plain = refusal(REAL, operation, operation.method, "sk_live_1", "main", ABSENT)
    assert (plain == "") is (operation.risk in FREE_RISKS)
    allowed = Policy(allowed=frozenset({operation.risk}))
    assert refusal(allowed, operation, operation.method, "sk_live_1", "main", ABSENT) == ""
    rest = Policy(allowed=frozenset(RISKS) - {operation.risk})
    assert (refusal(rest, operation, operation.method, "sk_live_1", "main", ABSENT) == "") is (plain == "")
    sacrificed = refusal(REAL, operation, operation.method, "sk_live_1", SACRIFICIAL, ABSENT)
    assert (sacrificed == "") is (operation.risk in FREE_RISKS | OPEN_TO_SACRIFICIAL)
    assert refusal(Policy(embedded=True), operation, operation.method, "sk_live_1", "main", ABSENT) == ""


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get"])
def test_only_reads_go_to_a_path_that_no_document_has(method: str) -> None:
    everything = Policy(allowed=frozenset(RISKS))
    why = refusal(everything, None, method, "", None, ABSENT)
    assert (why == "") is (method in {"GET", "HEAD", "OPTIONS"})


@pytest.mark.parametrize(
    ("provider", "key", "body", "risk"),
    [
        ("chatmaid", "sk_test_1", {"to": NOBODY}, "simulated"),
        ("chatmaid", "sk_live_1", {"to": NOBODY}, "real-message"),
        ("chatmaid", "SK_TEST_1", {"to": NOBODY}, "real-message"),
        ("chatmaid", "", {"to": NOBODY}, "simulated"),
        ("whatsapi", "sk_live_1", {"to": NOBODY, "dry_run": True}, "simulated"),
        ("whatsapi", "sk_live_1", {"to": NOBODY, "dry_run": "true"}, "real-message"),
        ("whatsapi", "sk_live_1", {"to": NOBODY, "dry_run": 1}, "real-message"),
        ("whatsapi", "sk_live_1", {"to": NOBODY, "dry_run": False}, "real-message"),
        ("whatsapi", "sk_live_1", {"to": NOBODY}, "real-message"),
        ("whatsapi", "sk_live_1", [{"dry_run": True}], "real-message"),
        ("whatsapi", "sk_live_1", None, "real-message"),
        ("whatsapi", "sk_live_1", ABSENT, "real-message"),
    ],
)
def test_a_send_is_simulated_only_when_the_documents_say_so(provider: str, key: str, body: object, risk: str) -> None:
    assert risk_of(OPERATIONS[provider]["sendMessage"], key, body) == risk


@pytest.mark.parametrize(
    "number",
    [
        "+12025550101", "12025550199", "2125550100", "+44 7700 900123", "+442079460000", "61491570006", "0012025550101",
        "", "hello", "+1", "123456", "1" * 16, "+1202-555-0101", "tel:+12025550101", "not-a-number-12", "+" + "9" * 20,
    ],
)  # fmt: skip
def test_a_reserved_number_or_none_at_all_may_get_messages(number: str) -> None:
    assert refused({"to": number}) == ""


@pytest.mark.parametrize(
    "number",
    [
        "+14155552671", "14155552672", "+447911123456", "+919876543210", "61412345678", "+12025550200", "+12025560101",
        "0014155552671", "+1 (415) 555-2671", "4155552671", "+61491570005", "14155552671@g.us", "+447700901000",
        "١٤١٥٥٥٥٢٦٧١", "1415\u20135552671", "tel:+14155552671", "1415555abc2671", "+14155552671x",
        "12025550101,14155552671", "14155552671 14155552672", "12025550101 ext 14155552671",
    ],
)  # fmt: skip
def test_anybody_else_gets_none_unless_named(number: str) -> None:
    assert refused({"to": number}).endswith("name your own with --recipient")
    for hidden in ([number], {"number": number}, [[number]]):  # what a lenient server makes of it, nobody knows
        assert refused({"to": hidden}) != ""


@pytest.mark.parametrize("number", [14155552671, 14155552671.0, 447911123456])
def test_a_number_that_is_no_text_is_a_number_all_the_same(number: float) -> None:
    assert refused({"to": number}) != ""
    assert refused({"to": 12025550101}) == ""


@pytest.mark.parametrize("other", [None, True, [], {}, 7])
def test_what_holds_no_number_reaches_nobody(other: object) -> None:
    assert refused({"to": other}) == ""


@pytest.mark.parametrize("number", ["+14155552671", "0014155552671", "+1 (415) 555-2671", "1415\u20135552671"])
def test_a_named_recipient_may_get_messages_however_it_is_written(number: str) -> None:
    policy = Policy(recipients=frozenset({"14155552671"}))
    assert refused({"to": number}, policy=policy) == ""
    assert refused({"to": number.replace("2671", "2672")}, policy=policy) != ""


@given(st.from_regex(r"\+?[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from([" ", "-", ".", "(", "/", "\u00a0"]))
def test_how_a_number_is_written_does_not_change_who_it_reaches(number: str, sign: str) -> None:
    spread = sign.join(number)
    assert bool(refused({"to": number})) is bool(refused({"to": spread}))


def test_every_recipient_of_a_bulk_counts() -> None:
    bulk = OPERATIONS["whatsapi"]["sendBulk"]

    def refused_bulk(*numbers: str) -> str:
        body = {"messages": [{"to": number, "dry_run": True} for number in numbers]}
        return refusal(REAL, bulk, bulk.method, "sk_live_1", "main", body)

    assert refused_bulk("12025550101", "12025550102") == ""
    assert refused_bulk("12025550101", "14155552671") != ""
