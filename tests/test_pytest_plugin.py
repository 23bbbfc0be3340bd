"""The contract as pytest items: the run of `affidavit run`, told item by item, and items that can fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from affidavit.documents import ROOT, load_catalog
from affidavit.errors import ExitCode
from affidavit.exchange import Exchange
from affidavit.finding import VerdictKind
from affidavit.recorder import read_record
from affidavit.sandbox.deviation import Answering, Around, Deviation, Place
from affidavit.sandbox.model import Request, Response
from affidavit.sandbox.server import PROVIDERS, SandboxServer, keys_toml
from affidavit.session import Settings, run

pytest_plugins = ["pytester"]
CATALOG = load_catalog("chatmaid")
WRONG_OPTIONS = pytest.ExitCode.USAGE_ERROR
WORN = "worn-by-this-test"
Contract = Callable[..., pytest.RunResult]


@pytest.fixture
def contract(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Contract:
    """Runs `pytest contract_tests` with Chatmaid and further arguments."""
    for name in ("CHATMAID_API_KEY", "WHATSAPI_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str | Path, provider: str = "chatmaid") -> pytest.RunResult:
        own = ("-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider", ROOT / "contract_tests", "--provider", provider)
        return pytester.runpytest_inprocess(*own, *arguments)

    return call


@contextmanager
def wearing(around: Callable[[Around], Around]) -> Iterator[None]:
    """Lets Chatmaid's sandbox have one more fault."""
    row = Deviation(WORN, "Does what this test needs.", "status", around)  # type: ignore[arg-type]  # a machine is around
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROVIDERS, "chatmaid", replace(PROVIDERS["chatmaid"], faults={WORN: row}))
        yield


def items(result: pytest.RunResult, outcome: str) -> list[str]:
    """Names of the items that ended so, in order."""
    return re.findall(rf"::(test_\w+\[[^\]]+\]) {outcome}", result.stdout.str())


def kind_of(item: str) -> str:
    return item.partition("[")[0]


def test_the_items_are_the_run_of_the_command_line(contract: Contract, tmp_path: Path) -> None:
    result = contract("-v", "--out", tmp_path / "out")
    told = items(result, "(?:PASSED|SKIPPED)")
    kinds = [kind_of(item) for item in told]
    phases = ["test_probe", "test_properties", "test_links", "test_burst", "test_claim"]
    assert list(dict.fromkeys(kinds)) == phases
    assert kinds == sorted(kinds, key=phases.index)
    bursts = sum(probe.last for probe in CATALOG.script.probes.values())
    counts = [len(CATALOG.script.probes) - bursts, len(CATALOG.openapi.operations), 1, bursts, len(CATALOG.claims)]
    assert [kinds.count(phase) for phase in phases] == counts
    whole = run(CATALOG, Settings(), tmp_path / "command", lambda *_: None)
    kept = [f"test_claim[chatmaid-{one.claim}]" for one in whole.verdicts if one.kind is VerdictKind.KEPT]
    assert [item for item in items(result, "PASSED") if kind_of(item) == "test_claim"] == kept
    assert {item.name for item in (tmp_path / "out" / "chatmaid").iterdir()} == {
        "run.ndjson",
        "verdicts.json",
        "junit.xml",
    }
    assert asked(tmp_path / "out" / "chatmaid") == asked(tmp_path / "command")


def asked(folder: Path) -> set[str]:
    """Which steps and properties a recorded run has asked."""
    return {one.source for one in read_record(folder / "run.ndjson") if isinstance(one, Exchange)}


def test_an_item_fails_when_its_own_exchanges_break_a_claim(contract: Contract) -> None:
    place = Place("GET", "/v1/messages", "200")

    def change(_request: Request, response: Response, _now: float) -> Response:
        return replace(response, status=500)

    with wearing(lambda inner: Answering(inner, place, change)):
        result = contract("-v", "--fault", WORN)
    failed = items(result, "FAILED")
    assert {kind_of(item) for item in failed} == {
        "test_probe",
        "test_properties",
        "test_links",
        "test_burst",
        "test_claim",
    }
    assert [item for item in failed if kind_of(item) == "test_properties"] == ["test_properties[chatmaid-listMessages]"]
    assert "test_probe[chatmaid-send]" not in failed
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_claims_alone_are_judged_by_a_whole_run_and_told_with_a_request_to_repeat(contract: Contract) -> None:
    place = Place("POST", "/v1/messages/send", "400")

    def change(_request: Request, response: Response, _now: float) -> Response:
        return replace(response, status=422)

    with wearing(lambda inner: Answering(inner, place, change)):
        result = contract("--fault", WORN, "-k", "CM-001 or CM-005")
    claim = CATALOG.claims["CM-005"]
    said = result.stdout.str()
    assert f"CM-005 {claim.says} [{claim.place}]" in said
    assert re.search(r"expected status 400\n +got +status 422\n +curl -sS ", said)
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (1, 1)


def test_an_item_that_asked_nothing_is_skipped_with_the_reason(contract: Contract, tmp_path: Path) -> None:
    result = contract("--budget", "12", "--out", tmp_path)
    assert "failed" not in result.parseoutcomes()
    assert "the budget has nothing left for it" in result.stdout.str()
    rows = list(read_record(tmp_path / "chatmaid" / "run.ndjson"))
    assert 0 < len([row for row in rows if not isinstance(row, dict)]) <= 12


def test_a_target_with_a_keys_file_is_asked(contract: Contract, tmp_path: Path) -> None:
    with SandboxServer("chatmaid") as server:
        keys = tmp_path / "keys.toml"
        keys.write_text(keys_toml([server]).replace(server.url, "http://elsewhere.invalid"), "utf-8")
        result = contract("--target", server.url, "--keys-file", keys, "--budget", "20", "--out", tmp_path)
        manifest = next(read_record(tmp_path / "chatmaid" / "run.ndjson"))
        assert isinstance(manifest, dict)
        assert manifest["target"] == server.url
    outcomes = result.parseoutcomes()
    assert "failed" not in outcomes
    assert outcomes["passed"] > 50


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--provider", "nobody"], "unknown provider 'nobody'"),
        (["--fault", "nothing"], "no fault or variant 'nothing'"),
        (["--target", "ftp://x"], "expected a URL"),
        (["--keys-file", "/nowhere/keys.toml"], "cannot be read"),
        (["--allow", "everything"], "invalid choice: 'everything'"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_collected(
    contract: Contract, arguments: list[str], named: str
) -> None:
    result = contract(*arguments)
    assert result.ret == WRONG_OPTIONS
    assert named in result.stderr.str()


def test_a_target_that_is_not_there_ends_the_items(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATMAID_API_KEY", "sk_test_0123456789abcdef")
    result = contract("--target", "http://127.0.0.1:9")
    assert result.ret == ExitCode.UNREACHABLE
    assert "the target http://127.0.0.1:9 does not answer HTTP" in result.stdout.str() + result.stderr.str()
    assert result.parseoutcomes().get("passed", 0) < 5


def test_a_folder_that_cannot_be_made_ends_the_items_with_one_line(contract: Contract, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    result = contract("--out", tmp_path / "file" / "out", "--budget", "3")
    assert result.ret == ExitCode.USAGE
    result.stdout.fnmatch_lines(["*affidavit: cannot write or read *file/out*--out names another folder*"])
    assert items(result, "FAILED") == []


def test_results_that_cannot_be_written_end_the_items_with_one_line(contract: Contract, tmp_path: Path) -> None:
    (tmp_path / "chatmaid" / "verdicts.json").mkdir(parents=True)
    result = contract("--out", tmp_path, "--budget", "3", "-k", "test_claim")
    assert result.ret == ExitCode.USAGE
    result.stdout.fnmatch_lines(["*affidavit: cannot write or read *verdicts.json*"])


def test_a_bug_of_the_sandbox_is_no_finding_and_ends_the_items(contract: Contract) -> None:
    class Broken(Around):
        def step(self, request: Request, now: float) -> Response:
            if request.path == "/v1/account":
                raise ZeroDivisionError("a bug of ours")
            return super().step(request, now)

    with wearing(Broken):
        result = contract("--fault", WORN)
    assert result.ret == ExitCode.INTERNAL
    assert "a fault of this tool and not of the API: at first on GET /v1/account" in (
        result.stdout.str() + result.stderr.str()
    )
