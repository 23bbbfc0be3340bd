import random
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.opponents import whatsapi
from tests.opponents.test_whatsapi_opponent import Clock, Receiver
from tests.opponents.whatsapi_changes import Apply
from tests.opponents.whatsapi_defects import DEFECTS, HARMLESS, Defect
from tests.opponents.whatsapi_talks import Talk, Talker

ENTRIES = {**DEFECTS, **HARMLESS}
FAMILIES = {
    *("schema", "status", "envelope", "auth", "isolation", "validation", "boundary", "default", "echo", "pagination"),
    *("order", "filter", "idempotency", "lifecycle", "timestamps", "schedule", "dry-run", "bulk", "template"),
    *("webhook", "analytics", "billing", "encoding", "rate-limit", "published-documents", "robustness"),
}
LAST_LINE = 249
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the usual ones would take most of the time
unchanged_talks: dict[Talk, list[Any]] = {}


class Dice:
    """Stands in for `secrets`, so that the same talk always hears the same."""

    def __init__(self) -> None:
        self.random = random.Random(7)  # noqa: S311 - to be the same each time is what it is for

    def token_hex(self, count: int) -> str:
        """Make so many bytes, in hex."""
        return self.random.randbytes(count).hex()

    def randbits(self, count: int) -> int:
        """Make a number of so many bits."""
        return self.random.getrandbits(count)

    def randbelow(self, end: int) -> int:
        """Make a number below the end."""
        return self.random.randrange(end)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


def listen(talk: Talk, receiver: Receiver, change: Apply | None = None) -> list[Any]:
    """Hold a talk with a fresh opponent, and give all that came back and all that its webhook was told."""
    clock = Clock()
    receiver.bodies.clear()
    receiver.answers.clear()
    receiver.delays.clear()

    def pass_time(seconds: float) -> None:
        clock.at += seconds

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whatsapi, "secrets", Dice())
        opponent = whatsapi.WhatsapiOpponent(clock, webhook_prefix=receiver.url)
        if change is not None:
            change(opponent)
        with opponent, httpx.Client(base_url=opponent.url, trust_env=False, verify=NO_AUTHORITIES) as client:
            talker = Talker(opponent, pass_time, receiver, client)
            talk.run(talker)
    assert talker.careful == talk.careful
    return [*talker.heard, *receiver.bodies]


def listen_unchanged(talk: Talk, receiver: Receiver) -> list[Any]:
    if talk not in unchanged_talks:
        heard = listen(talk, receiver)
        assert listen(talk, receiver) == heard, "the talk hears something else each time, so it shows nothing"
        unchanged_talks[talk] = heard
    return unchanged_talks[talk]


def server_errors(heard: list[Any]) -> set[int]:
    return {part[2].status for part in heard if isinstance(part, tuple) and part[2].status >= 500}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_changes_what_its_talk_hears(entry: Defect, receiver: Receiver) -> None:
    before = listen_unchanged(entry.shown_by, receiver)
    after = listen(entry.shown_by, receiver, entry.apply)
    assert after != before
    new_errors = server_errors(after) - server_errors(before)
    assert all(str(status) in entry.description for status in new_errors), "fails otherwise than described"


def test_entries_are_described() -> None:
    assert len(DEFECTS) >= 80
    assert len(HARMLESS) >= 30
    assert not DEFECTS.keys() & HARMLESS.keys()
    assert len({entry.description for entry in ENTRIES.values()}) == len(ENTRIES)
    assert {entry.family for entry in DEFECTS.values()} == FAMILIES
    assert {entry.family for entry in HARMLESS.values()} <= FAMILIES
    assert {entry.severity for entry in DEFECTS.values()} == {1, 2, 3}
    assert all(entry.line is not None and 1 <= entry.line <= LAST_LINE for entry in DEFECTS.values())
    assert all(entry.line is None for entry in HARMLESS.values())


def test_half_of_the_defects_show_in_dry_runs_with_one_key() -> None:
    assert sum(entry.seen_with_dry_runs for entry in DEFECTS.values()) * 2 >= len(DEFECTS)
