"""On the embedded sandbox each rule reports its fault, and nothing the faithful one or another legal limiter does."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from affidavit.ratelimit.audit import RULES, Evidence, audit, hear, rows
from affidavit.ratelimit.flow import Reply
from affidavit.sandbox.deviation import Switchboard
from affidavit.sandbox.model import Request
from affidavit.sandbox.server import PROVIDERS
from tests.limiters.caller import converse, numbered

START = 1_700_000_003.3
ASKED = {"chatmaid": ("/v1/phone-numbers", "main"), "whatsapi": ("/auth/me", "free")}
"""Provider -> a harmless read, and whose key."""

FAULTS = (
    ("wait-missing", "whatsapi", "wait-missing"),
    ("wait-missing", "chatmaid", "wait-not-named"),
    ("wait-unreadable", "whatsapi", "wait-with-unit"),
    ("wait-unreadable", "chatmaid", "wait-is-text"),
    ("wait-unreadable", "chatmaid", "wait-is-null"),
    ("wait-zero", "whatsapi", "wait-zero"),
    ("wait-zero", "chatmaid", "wait-is-zero"),
    ("wait-negative", "whatsapi", "wait-negative"),
    ("wait-negative", "chatmaid", "wait-is-negative"),
    ("wait-fractional", "whatsapi", "wait-fractional"),
    ("wait-fractional", "chatmaid", "wait-is-fraction"),
    ("wait-http-date", "whatsapi", "wait-as-date"),
    ("wait-is-moment", "chatmaid", "wait-is-moment"),
    ("wait-in-milliseconds", "whatsapi", "wait-in-milliseconds"),
    ("wait-in-milliseconds", "chatmaid", "wait-in-milliseconds"),
    ("wait-unlike-body", "whatsapi", "wait-unlike-body"),
    ("wait-rounded-down", "whatsapi", "wait-rounded-down"),
    ("wait-too-short", "whatsapi", "wait-too-short"),
    ("wait-too-short", "whatsapi", "window-longer-than-said"),
    ("wait-too-short", "chatmaid", "wait-too-short"),
    ("wait-before-reset", "whatsapi", "reset-far-ahead"),
    ("wait-whole-window", "whatsapi", "wait-always"),
    ("wait-whole-window", "chatmaid", "wait-always-sixty"),
    ("wait-too-long", "whatsapi", "wait-too-long"),
    ("remaining-negative", "whatsapi", "remaining-negative"),
    ("remaining-negative", "whatsapi", "limit-below-zero"),
    ("remaining-over-limit", "whatsapi", "remaining-over-limit"),
    ("remaining-not-falling", "whatsapi", "remaining-stands-still"),
    ("remaining-zero-yet-admitted", "whatsapi", "limit-not-enforced"),
    ("refused-with-remaining", "whatsapi", "refused-with-remaining"),
    ("first-refusal-not-at-limit", "whatsapi", "limit-one-more-request"),
    ("first-refusal-not-at-limit", "whatsapi", "limit-one-request-less"),
    ("limit-changing", "whatsapi", "limit-changes"),
    ("refusal-cacheable", "whatsapi", "refusal-may-be-stored"),
)
"""Rule, provider, and the deviation that it finds."""

LEGAL = (
    *(("chatmaid", f"limit-by-{kind}") for kind in ("clock-minute", "sliding-log", "token-bucket")),
    *(("chatmaid", f"limit-of-{number}") for number in ("forty", "thousand")),
    *(("chatmaid", f"wait-in-header-{where}") for where in ("too", "only")),
    ("whatsapi", "windows-of-the-clock"),
    ("whatsapi", "windows-from-first-request"),
    ("whatsapi", "sliding-window"),
    ("whatsapi", "token-bucket"),
)  # fmt: skip


def found(provider: str, *deviations: str) -> list[str]:
    """Ids of the rules that find something in a long talk with the sandbox."""
    row, (path, role) = PROVIDERS[provider], ASKED[provider]
    machine = Switchboard(row.build(1, START, None), row.deviations, deviations)
    request = Request("GET", path, headers={"authorization": f"Bearer {machine.keys()[role]}"})

    def ask(at: float, number: int) -> list[Reply]:
        now = at + 0.01
        date = ("Date", formatdate(int(now), usegmt=True))
        answers = [machine.step(request, now) for _ in range(number)]
        return [Reply(one.status, (*one.headers, date), one.body.decode(), at, at + 0.02) for one in answers]

    evidence = Evidence(hear(numbered(converse(ask, START, patience=130))))
    return [str(one["id"]) for one in rows(audit(evidence))]


@pytest.mark.parametrize(("rule", "provider", "deviation"), FAULTS)
def test_a_fault_is_found_by_its_rule_alone(rule: str, provider: str, deviation: str) -> None:
    assert found(provider, deviation) == [rule]


@pytest.mark.parametrize("provider", ASKED)
def test_the_faithful_sandbox_has_no_fault(provider: str) -> None:
    assert found(provider) == []


@pytest.mark.parametrize(("provider", "variant"), LEGAL)
def test_a_legal_limiter_has_no_fault(provider: str, variant: str) -> None:
    assert found(provider, variant) == []


def test_every_rule_has_a_fault_in_the_sandbox() -> None:
    assert {rule for rule, _, _ in FAULTS} == set(RULES)
