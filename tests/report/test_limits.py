"""What a search for limits found, in words: no digit more than the bounds justify."""

from __future__ import annotations

from pathlib import Path

import pytest

from affidavit.ratelimit.records import Interval, Verdict
from affidavit.ratelimit.truth import Slack, share
from affidavit.report.limits import show_limits


def shown(verdict: Verdict, capsys: pytest.CaptureFixture[str], *, own_clock: bool = False) -> str:
    show_limits("title", verdict, (), Slack(0, 0, 0, share(0, 0), None), Path("folder"), own_clock=own_clock)
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (Interval(0.20811, 0.210293, 0.21204), "window 0.210 (between 0.208 and 0.213) s"),
        (Interval(59.97132, 60.0165, 60.0411), "window 60.02 (between 59.97 and 60.05) s"),
        (Interval(2.98814, 3.0, 3.01429), "window 3 (between 2.98 and 3.02) s"),
        (Interval(59.99, 60.0, 60.02), "window 60 s"),
        (Interval(412.3, 456.7, 533.9), "window 460 (between 410 and 540) s"),
        (Interval(7.3, 7.3, 7.3), "window 7.3 s"),
    ],
)
def test_a_number_has_the_digits_that_its_bounds_justify(
    window: Interval, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert text in shown(Verdict("active", "sliding-log", window=window), capsys)


def test_a_family_that_did_not_foretell_every_step_is_called_doubtful(capsys: pytest.CaptureFixture[str]) -> None:
    assert "sliding log, doubtful: 2 steps came otherwise" in shown(Verdict("active", "sliding-log", misses=2), capsys)
    assert "doubtful" not in shown(Verdict("active", "sliding-log"), capsys)


def test_seconds_of_the_sandbox_are_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "0.0 s of the sandbox's own clock;" in shown(Verdict("active", "unknown"), capsys, own_clock=True)
    assert "0.0 s;" in shown(Verdict("active", "unknown"), capsys)
