"""Every rule of the audit finds its mistake, and no rule finds one where there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest

from affidavit.ratelimit.audit import RULES, Evidence, audit, hear, rows
from affidavit.ratelimit.flow import Interval, Place, Reply
from affidavit.ratelimit.headers import said
from tests.limiters.caller import converse, numbered
from tests.limiters.dialects import Dialect
from tests.limiters.families import (
    BlockingWindow,
    ClockWindow,
    Concurrency,
    FirstRequestWindow,
    Gcra,
    LeakyQueue,
    Limiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)
from tests.limiters.simulated import Simulated

ROOT = Path(__file__).parents[2]
START = 1_700_000_003.3
Change = Callable[[Reply], Reply]


def ask(server: Simulated, change: Change = lambda reply: reply) -> Callable[[float, int], list[Reply]]:
    """The server's answers as replies, each changed."""

    def send(at: float, number: int) -> list[Reply]:
        answers = server.ask_together(at, number)
        return [change(Reply(one.status, one.headers, one.body, one.sent, one.answered)) for one in answers]

    return send


def found(replies: list[Reply], window: Interval | None = None, *, releases: bool = False) -> list[str]:
    """Ids of the rules that find something."""
    evidence = Evidence(hear(numbered(replies)), window, releases)
    return [str(row["id"]) for row in rows(audit(evidence))]


# --- no false alarm ---------------------------------------------------------------------------------------------------

FAMILIES: Mapping[str, Callable[[int, float], Limiter]] = {
    "clock-window": ClockWindow,
    "first-request-window": FirstRequestWindow,
    "log": SlidingLog,
    "log-counting-refusals": lambda limit, window: SlidingLog(limit, window, counts_refused=True),
    "counter": SlidingCounter,
    "bucket": TokenBucket,
    "gcra": Gcra,
    "queue": LeakyQueue,
    "concurrency": Concurrency,
    "block": BlockingWindow,
}
LEGAL = [
    (family, limit, window, Dialect(fields, wait), foreign, together)
    for index, (family, (limit, window), fields, foreign) in enumerate(
        product(
            FAMILIES, [(1, 7.3), (3, 5), (20, 60)], ["x-epoch", "x-epoch-ms", "x-delta", "ietf", "draft-6"], [0, 0.05]
        )
    )
    for wait in [("seconds", "body")[index % 2]]
    for together in [(1, 7)[index // 2 % 2]]
]


@pytest.mark.parametrize("measured", [False, True], ids=["unknown-window", "measured-window"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_truthful_limiter_raises_no_alarm(family: str, measured: bool) -> None:  # noqa: FBT001 - a parameter of the test
    for _, limit, window, dialect, foreign, together in (case for case in LEGAL if case[0] == family):
        server = Simulated((FAMILIES[family](limit, window),), window, dialect, foreign=foreign, skew=-37, seed=3)
        replies = converse(ask(server), START, together=together, patience=4 * window)
        known = Interval(0.99 * window, window, 1.01 * window) if measured else None
        assert found(replies, known, releases=measured and family == "concurrency") == [], (limit, dialect, foreign)


def test_a_log_that_forgets_one_request_for_each_that_is_asked_is_no_counter_that_stands_still() -> None:
    # Twenty requests at 0.00, 0.05, …, the same a window later: each then finds one place, and leaves none.
    server = Simulated((SlidingLog(20, 10),), 10, Dialect("x-delta"), round_trip=(0.01, 0.01))
    replies = [server_reply for at in (*_train(0, 20), *_train(10.001, 20)) for server_reply in ask(server)(at, 1)]
    assert [one.status for one in replies] == [200] * 40
    assert found(replies) == []


def _train(start: float, number: int) -> list[float]:
    return [START + start + 0.05 * step for step in range(number)]


def test_one_broken_promise_may_be_the_work_of_others() -> None:
    server = Simulated((TokenBucket(5, 50),), 50, Dialect("none", "seconds"))
    replies = [reply for step in range(6) for reply in ask(server)(START + step / 10, 1)]
    server.limiters[0].admit(replies[-1].answered_at + 10)  # somebody else takes the token that was promised
    replies += ask(server)(replies[-1].answered_at + 10.001, 1)
    assert [one.status for one in replies] == [*[200] * 5, 429, 429]
    assert found(replies) == []


def test_another_place_may_have_used_what_was_promised() -> None:
    server = Simulated((TokenBucket(1, 10),), 10, Dialect("none", "seconds"))
    replies, places, now = list[Reply](), list[Place](), START
    for _ in range(5):
        for place, wait in ((Place(), 0.1), (Place(), 9.9), (Place("second"), 0.2)):
            replies += ask(server)(now, 1)
            places.append(place)
            now += wait
    heard = hear((number, place, one) for number, (place, one) in enumerate(zip(places, replies, strict=True), 1))
    assert audit(Evidence(heard)) == ()


@pytest.mark.parametrize(("limit", "loud"), [(10_000, True), (20, False)])
def test_a_limit_of_any_size_is_held_to_its_number(limit: int, loud: bool) -> None:  # noqa: FBT001 - a parameter of the test
    server = Simulated((FirstRequestWindow(20, 60),), 60, Dialect("x-epoch", "seconds"))
    replies = [header("X-RateLimit-Limit", lambda _: str(limit))(one) for one in converse(ask(server), START)]
    if limit != 20:
        falling = (str(limit - number) for number in range(1, limit))
        replies = [header("X-RateLimit-Remaining", lambda _: next(falling))(one) for one in replies]
    known = Interval(59, 60, 61)
    assert ("first-refusal-not-at-limit" in found(replies, known)) is loud


# --- every mistake ----------------------------------------------------------------------------------------------------


SECONDS = Dialect("x-epoch", "seconds")
BODY = Dialect("none", "body")


@dataclass(frozen=True)
class Mistake:
    """A server with one mistake."""

    rule: str
    change: Change = lambda reply: reply
    dialect: Dialect = SECONDS
    enforced: int = 20
    """Requests per window that are admitted; the headers say 20."""
    window: float = 60.0


def header(name: str, change: Callable[[str], str | None], status: int | None = None) -> Change:
    """Another value of a header, or none."""

    def changed(reply: Reply) -> Reply:
        if status is not None and reply.status != status:
            return reply
        pairs = [(key, change(value) if key == name else value) for key, value in reply.headers]
        return replace(reply, headers=tuple((key, value) for key, value in pairs if value is not None))

    return changed


def added(name: str, value: str, status: int = 429) -> Change:
    """One more header."""
    return lambda reply: replace(reply, headers=(*reply.headers, (name, value))) if reply.status == status else reply


def wait(change: Callable[[int], object]) -> Change:
    """Another Retry-After."""
    return header("Retry-After", lambda text: str(change(int(text))))


def remaining(change: Callable[[int], int], status: int | None = None) -> Change:
    """Another X-RateLimit-Remaining."""
    return header("X-RateLimit-Remaining", lambda text: str(change(int(text))), status)


def limit_of_20(shown: Callable[[int], int]) -> Change:
    """Twenty, whatever is enforced."""

    def changed(reply: Reply) -> Reply:
        return header("X-RateLimit-Limit", lambda _: "20")(remaining(shown)(reply))

    return changed


def every_fifth_limit(reply: Reply) -> Reply:
    odd = int(reply.sent_at * 1000) % 5 == 0
    return header("X-RateLimit-Limit", lambda text: "100" if odd else text)(reply)


def in_body(change: Callable[[str], str]) -> Change:
    """Another retryAfter, as JSON."""
    return lambda reply: replace(
        reply, body=re.sub(r'("retryAfter": )(\d+)', lambda at: at[1] + change(at[2]), reply.body)
    )


def both(reply: Reply) -> Reply:
    """The wait in Retry-After too, and half a minute more in the body."""
    told = said(reply).retry_after
    headers = reply.headers if told is None else (*reply.headers, ("Retry-After", f"{told:.0f}"))
    return in_body(lambda seconds: str(int(seconds) + 30))(replace(reply, headers=headers))


MISTAKES: Sequence[Mistake] = (
    Mistake("wait-missing", dialect=Dialect("x-epoch", "none")),
    Mistake("wait-missing", dialect=Dialect("none", "none")),
    Mistake("wait-unreadable", wait(lambda seconds: f"{seconds}s")),
    Mistake("wait-unreadable", in_body(lambda seconds: f'"{seconds}"'), BODY),
    Mistake("wait-unreadable", in_body(lambda _: "null"), BODY),
    Mistake("wait-zero", wait(lambda _: 0)),
    Mistake("wait-zero", in_body(lambda _: "0"), BODY),
    Mistake("wait-negative", wait(lambda seconds: -seconds)),
    Mistake("wait-negative", in_body(lambda seconds: f"-{seconds}"), BODY),
    Mistake("wait-fractional", wait(lambda seconds: f"{seconds}.5")),
    Mistake("wait-fractional", in_body(lambda seconds: f"{seconds}.5"), BODY),
    Mistake("wait-http-date", dialect=Dialect("x-epoch", "date")),
    Mistake("wait-is-moment", wait(lambda seconds: 1_700_000_000 + seconds)),
    Mistake("wait-is-moment", in_body(lambda seconds: f"17000000{seconds.zfill(2)}000"), BODY),
    Mistake("wait-in-milliseconds", wait(lambda seconds: seconds * 1000)),
    Mistake("wait-in-milliseconds", wait(lambda seconds: seconds * 1000), Dialect("ietf", "seconds")),
    Mistake("wait-unlike-body", both, BODY),
    Mistake("wait-rounded-down", wait(lambda seconds: max(1, seconds - 1)), window=59.5),
    Mistake("wait-rounded-down", in_body(lambda seconds: str(max(1, int(seconds) - 1))), BODY, window=59.5),
    Mistake("wait-too-short", wait(lambda _: 1)),
    Mistake("wait-too-short", wait(lambda seconds: max(1, seconds - 10)), Dialect("none", "seconds")),
    Mistake("wait-before-reset", header("X-RateLimit-Reset", lambda text: str(int(text) + 30))),
    Mistake("wait-whole-window", wait(lambda _: 60)),
    Mistake("wait-whole-window", in_body(lambda _: "60"), BODY),
    Mistake("wait-too-long", wait(lambda seconds: 3 * seconds + 5)),
    Mistake("remaining-negative", remaining(lambda _: -1, 429)),
    Mistake("remaining-negative", limit_of_20(lambda left: left - 9980), enforced=10_000),
    Mistake("remaining-over-limit", remaining(lambda left: left + 5 if left > 10 else left)),
    Mistake("remaining-not-falling", remaining(lambda _: 12)),
    Mistake("remaining-not-falling", remaining(lambda left: max(8, left))),
    Mistake("remaining-zero-yet-admitted", limit_of_20(lambda left: max(0, left - 9980)), enforced=10_000),
    Mistake("refused-with-remaining", remaining(lambda _: 3, 429)),
    Mistake("first-refusal-not-at-limit", limit_of_20(lambda left: max(0, left - 1)), enforced=21),
    Mistake("first-refusal-not-at-limit", limit_of_20(lambda left: left + 1), enforced=19),
    Mistake("first-refusal-not-at-limit", limit_of_20(lambda left: left + 10), enforced=10),
    Mistake("limit-changing", every_fifth_limit),
    Mistake("refusal-cacheable", added("Cache-Control", "public, max-age=60")),
    Mistake("refusal-cacheable", added("Cache-Control", "private, s-maxage=5")),
    Mistake("refusal-cacheable", added("Expires", "Fri, 01 Jan 2100 00:00:00 GMT")),
)


@pytest.mark.parametrize("together", [1, 7])
@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{index}-{one.rule}" for index, one in enumerate(MISTAKES)])
def test_a_mistake_is_found_by_its_rule_alone(mistake: Mistake, together: int) -> None:
    server = Simulated(
        (FirstRequestWindow(mistake.enforced, mistake.window),), mistake.window, mistake.dialect, skew=11
    )
    replies = converse(ask(server, mistake.change), START, together=together)
    assert found(replies) == [mistake.rule]


def test_every_rule_has_its_mistake() -> None:
    assert {one.rule for one in MISTAKES} == set(RULES)


@pytest.mark.parametrize(
    "control", ["no-store", "no-cache", "max-age=0", "private", "no-store, max-age=60", "no-cache, public, max-age=9"]
)
def test_what_forbids_storing_is_no_mistake(control: str) -> None:
    server = Simulated((FirstRequestWindow(20, 60),), 60, Dialect("x-epoch", "seconds"))
    assert found(converse(ask(server, added("Cache-Control", control)), START)) == []


def test_every_rule_is_documented_as_it_is() -> None:
    _, _, page = (ROOT / "docs" / "limits.md").read_text("utf-8").partition("<!-- rules of the audit -->")
    table = page.strip().partition("\n\n")[0].splitlines()[2:]
    permits = {True: " yes |", False: " |"}
    assert table == [f"| `{name}` | {rule.says} |{permits[rule.permitted]}" for name, rule in RULES.items()]


def test_rules_that_silence_others_exist() -> None:
    assert {other for rule in RULES.values() for other in rule.silenced_by} <= set(RULES)


def test_findings_of_a_rule_become_one_row_with_the_first_proof() -> None:
    server = Simulated((FirstRequestWindow(2, 60),), 60, Dialect("none", "seconds"), round_trip=(0, 0))
    replies = [reply for _ in range(4) for reply in ask(server, wait(lambda _: 0))(START, 1)]
    assert rows(audit(Evidence(hear(numbered(replies))))) == [
        {"id": "wait-zero", "found": 2, "expected": "1 second or more", "got": "0", "exchanges": [3]}
    ]


def test_what_no_limiter_said_is_not_heard() -> None:
    statuses = [0, 200, 401, 404, 429, 500, 503]
    replies = [(status, Place(), Reply(status, (), "", START, START)) for status in statuses]
    assert [(one.number, one.refused) for one in hear(replies)] == [(200, False), (404, False), (429, True)]
    assert [one.number for one in hear(replies, frozenset({503})) if one.refused] == [503]
