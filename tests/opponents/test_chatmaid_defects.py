import ssl
from typing import Any

import httpx
import pytest

from tests.opponents.chatmaid import ChatmaidOpponent
from tests.opponents.chatmaid_changes import Apply
from tests.opponents.chatmaid_defects import DEFECTS, HARMLESS, Defect
from tests.opponents.chatmaid_talks import Talk, Talker

ENTRIES = {**DEFECTS, **HARMLESS}
START = 1_800_000_000.0
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the usual ones would take most of the time
unchanged_talks: dict[Talk, list[Any]] = {}


def listen(talk: Talk, change: Apply | None = None) -> list[Any]:
    """Hold a talk with a fresh opponent, and give all that came back."""
    now = START

    def pass_time(seconds: float) -> None:
        nonlocal now
        now += seconds

    opponent = ChatmaidOpponent(lambda: now)
    if change is not None:
        change(opponent)
    with opponent, httpx.Client(base_url=opponent.url, trust_env=False, verify=NO_AUTHORITIES) as client:
        talker = Talker(opponent, pass_time, client)
        talk(talker)
    return talker.heard


def listen_unchanged(talk: Talk) -> list[Any]:
    if talk not in unchanged_talks:
        heard = listen(talk)
        assert listen(talk) == heard, "the talk hears something else each time, so it shows nothing"
        unchanged_talks[talk] = heard
    return unchanged_talks[talk]


def server_errors(heard: list[Any]) -> set[int]:
    return {answer.status for _, answer in heard if answer.status >= 500}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_changes_what_its_talk_hears(entry: Defect) -> None:
    before = listen_unchanged(entry.shown_by)
    after = listen(entry.shown_by, entry.apply)
    assert after != before
    new_errors = server_errors(after) - server_errors(before)
    assert all(str(status) in entry.description for status in new_errors), "fails otherwise than described"


def test_entries_are_described() -> None:
    assert len(DEFECTS) >= 200
    assert len(HARMLESS) >= 20
    assert not DEFECTS.keys() & HARMLESS.keys()
    assert len({entry.description for entry in ENTRIES.values()}) == len(ENTRIES)
    assert {entry.family for entry in HARMLESS.values()} <= {entry.family for entry in DEFECTS.values()}
    assert {entry.severity for entry in DEFECTS.values()} == {1, 2, 3}
    assert all(entry.promise for entry in DEFECTS.values())
    assert all(entry.promise is None for entry in HARMLESS.values())
