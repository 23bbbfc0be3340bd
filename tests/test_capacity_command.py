from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from affidavit.capacity_command import capacity_command
from affidavit.errors import AffidavitError, IncompleteError, RecordError, UsageError
from affidavit.load.outcome import Journey, Kind, Outcome
from affidavit.load.results import Results, line_of
from affidavit.profile import RateLimit, _rate_limit
from affidavit.recorder import Recorder


def said(*arguments: str) -> str:
    """What the command prints. Raises what it raises."""
    result = CliRunner().invoke(capacity_command, arguments, catch_exceptions=False)
    return result.output


def record(folder: Path, *, limit: int | None = 20, complete: bool = True, ended: bool = True) -> str:
    """A run of ten sends, each asked for twice and delivered after 3 seconds."""
    results = Results("whatsapi", "mix")
    for number in range(10):
        results.add(Outcome(number, number, number, "send", "main", Kind.OK, 202, 5, limit))
        results.add_polls(2)
        results.add_journey(Journey(number, "delivered", "polling", number + 3.0, number + 3.0))
    recorder = Recorder(folder / "run.ndjson", {"what": "load"})
    recorder.result("load", line_of(results, {}, 10.0))
    if ended:
        recorder.end(complete=complete, reason="" if complete else "the target went away")
    return str(folder / "run.ndjson")


def test_keys_with_limits_of_their_own_are_told_apart(tmp_path: Path) -> None:
    results = Results("whatsapi", "mix")
    for number in range(60):
        role, limit = (("main", 500), ("free", 20), ("basic", 100))[number % 3]
        results.add(Outcome(number / 6, number / 6, number / 6, "sendMessage", role, Kind.OK, 202, 5, limit))
    recorder = Recorder(tmp_path / "run.ndjson", {"what": "load"})
    recorder.result("load", line_of(results, {}, 10.0))
    recorder.end(complete=True)
    text = said(str(tmp_path))
    for title in ("(free): 20", "(basic): 100", "(main): 500"):
        assert f"WhatsAPI, mix {title} requests in 60 s for each key" in text
    assert text.count("the run asked for 360 requests a minute of 620") == 3
    assert "(" not in said(str(tmp_path), "--plan", "free").splitlines()[1]


def test_a_plan_of_the_documents_says_what_fits() -> None:
    text = said("--provider", "whatsapi", "--plan", "basic", "--polls-per-message", "4")
    assert "WhatsAPI, plan basic: 100 requests in 60 s for each key" in text
    assert "  4 polls per message                            5                        20\n" in text
    assert (
        "Polling fits up to 20 messages a minute (4 polls per message). Beyond it only webhooks do, up to 100." in text
    )


def test_a_limit_without_a_provider_is_enough() -> None:
    assert "\n6 requests in 3 s for each key\n  limit from: --limit" in said("--limit", "6", "--window", "3")


def test_a_limit_that_no_document_names_is_called_a_guess() -> None:
    assert "100 requests in 60 s for each key\n  limit from: a guess" in said("--provider", "chatmaid")


def test_a_run_says_what_it_measured(tmp_path: Path) -> None:
    text = said(record(tmp_path), "--poll-every", "2")
    assert "WhatsAPI, mix: 20 requests in 60 s for each key\n  limit from: the answers of the run" in text
    for name in ("polling as in the run", "polling every 2 s"):  # both: 2 polls, 3 requests, 20 / 3 messages
        assert [line.split()[-2:] for line in text.splitlines() if name in line and "(" not in line] == [["3", "6.6"]]


@pytest.mark.parametrize(
    ("arguments", "origin"),
    [
        (("--plan", "pro"), "500 requests in 60 s for each key\n  limit from: the documented plan pro"),
        (("--limit", "7", "--plan", "pro"), "7 requests in 60 s for each key\n  limit from: --limit"),
        ((), "20 requests in 60 s for each key\n  limit from: the documents"),
    ],
)
def test_what_is_given_goes_before_what_is_documented(tmp_path: Path, arguments: tuple[str, ...], origin: str) -> None:
    assert origin in said(record(tmp_path, limit=None), *arguments)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "capacity needs a limit: name --provider and --plan, or --limit and --window"),
        (("--provider", "whatsapi"), "name a --plan of this provider: free, basic, pro, enterprise; or give --limit"),
        (("--provider", "whatsapi", "--plan", "gold"), "there is no plan 'gold' to look up; known are free, basic"),
        (("--provider", "chatmaid", "--plan", "free"), "known are none: the documents name no plan. Or give --limit"),
        (("--limit", "20", "--poll-every", "5"), "--poll-every needs the record of a load run"),
    ],
)
def test_a_wrong_use_says_what_to_give(arguments: tuple[str, ...], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        said(*arguments)


def test_what_contradicts_the_record_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path)
    with pytest.raises(UsageError, match="is read from the record"):
        said(path, "--polls-per-message", "4")
    with pytest.raises(UsageError, match="has no result of the provider 'chatmaid'"):
        said(path, "--provider", "chatmaid")


@pytest.mark.parametrize(
    ("lines", "error", "problem"),
    [
        ([{"kind": "end", "complete": True, "reason": ""}], RecordError, "no record of a load run"),
        ([{"kind": "load", "provider": "chatmaid"}], IncompleteError, r"was broken off \(it was interrupted\)"),
        (
            [{"kind": "load", "provider": "chatmaid"}, {"kind": "end", "complete": True, "reason": ""}],
            RecordError,
            "cannot be read",
        ),
    ],
)  # fmt: skip
def test_another_file_is_refused(
    tmp_path: Path, lines: list[dict[str, object]], error: type[AffidavitError], problem: str
) -> None:
    path = tmp_path / "run.ndjson"
    rows = [{"kind": "manifest", "version": 1, "what": "load"}, *lines]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(error, match=problem):
        said(str(path))


def test_a_run_that_was_broken_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match=r"was broken off \(the target went away\)"):
        said(record(tmp_path, complete=False))


@pytest.mark.parametrize("requests", [0, -1, 2.5, True, "20"])
def test_a_plan_must_be_a_number_of_requests(requests: object) -> None:
    with pytest.raises(ValueError, match=r"\[rate_limit.plans\] \['free'\] must be a number of requests"):
        _rate_limit({"plans": {"free": requests}})


def test_plans_are_read() -> None:
    assert _rate_limit({"plans": {"free": 20}}) == RateLimit(plans={"free": 20})


@pytest.mark.parametrize("value", ["inf", "nan"])
@pytest.mark.parametrize("option", ["--window", "--polls-per-message", "--poll-every"])
def test_a_number_without_end_is_refused(option: str, value: str) -> None:
    result = CliRunner().invoke(capacity_command, ["--limit", "20", option, value])
    assert (result.exit_code, f"{value} is no number to reckon with" in result.output) == (2, True)


def test_polls_that_nobody_gave_are_called_examples_and_no_poll_is_no_polling() -> None:
    assert "polls from: examples; give --polls-per-message" in said("--limit", "20")
    assert "polls from: given, not measured" in (text := said("--limit", "20", "--polls-per-message", "0"))
    assert "Polling fits" not in text


def test_a_run_that_only_listed_says_that_it_sent_nothing_and_a_guessed_limit_is_no_verdict(tmp_path: Path) -> None:
    results = Results("chatmaid", "list")
    for number in range(300):
        results.add(Outcome(number / 10, number / 10, number / 10, "listMessages", "main", Kind.OK, 200, None, None))
    recorder = Recorder(tmp_path / "run.ndjson", {"what": "load"})
    recorder.result("load", line_of(results, {}, 30.0))
    recorder.end(complete=True)
    text = said(str(tmp_path))
    assert "polls from: nothing, since the run sent no message" in text
    assert "per message" not in text
    assert "not known: the quota of 100 requests a minute is a guess, and no answer was a 429" in text
    assert "quota-bound" not in text
