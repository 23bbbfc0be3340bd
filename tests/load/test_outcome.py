from __future__ import annotations

from affidavit.load.outcome import LATE_SECONDS, NEVER_SENT, Kind, Outcome


def outcome(kind: Kind = Kind.OK, *, started: float = 2.0, waited: float = 0.0) -> Outcome:
    return Outcome(
        intended=1.0, started=started, finished=started + 0.5, operation="op", role="main", kind=kind, waited=waited
    )


def test_service_counts_from_the_start_and_the_felt_time_from_the_intended_moment() -> None:
    one = outcome()
    assert (one.service, one.from_intended) == (0.5, 1.5)


def test_a_deliberate_wait_is_not_lateness() -> None:
    assert outcome(waited=1.0).lateness == 0
    assert not outcome(waited=1.0).late
    assert outcome(waited=0.5).lateness == 0.5
    assert outcome(waited=0.5).late


def test_a_dispatch_is_late_only_beyond_the_tolerance() -> None:
    assert not outcome(started=1.0 + LATE_SECONDS / 2).late
    assert outcome(started=1.0 + LATE_SECONDS * 2).late


def test_what_was_never_sent_is_not_late() -> None:
    assert {kind for kind in Kind if not outcome(kind).sent} == NEVER_SENT
    assert not outcome(Kind.DROPPED).late
