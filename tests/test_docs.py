"""The documentation is true: its commands run, its tables are the code's, its samples are accepted, its links lead on.

A command that is not run here has the reason beside it in `NOT_RUN`; it is still held to what its tool understands.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
import yaml

from affidavit import cli
from affidavit.catalog import _CLAIM_KEYS, EFFECTS, FAMILIES, read_catalog
from affidavit.checks.lists import PAGE_RULES
from affidavit.checks.table import CHECKS
from affidavit.documents import OPENAPI, load_catalog, providers
from affidavit.errors import ExitCode
from affidavit.finding import VerdictKind
from affidavit.keys import FIELDS, read_keys
from affidavit.load.results import Results, line_of
from affidavit.load.thresholds import MEASURES
from affidavit.probes import script
from affidavit.profile import ErrorEnvelope, Listing, Messages, RateLimit
from affidavit.report.checks import checks_list
from affidavit.report.formats import FORMATS
from affidavit.report_command import TERMINAL
from affidavit.safety import FREE_RISKS, RISKS
from affidavit.sandbox.server import PROVIDERS
from affidavit.template import FORMS
from tests.test_frame import documented_targets, make

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SANDBOX = (ROOT / "affidavit/sandbox/README.md").read_text("utf-8")
CHECKS_PAGE = (ROOT / "docs/checks.md").read_text("utf-8")
FILES_PAGE = (ROOT / "docs/provider-files.md").read_text("utf-8")
REPORTS_PAGE = (ROOT / "docs/reports.md").read_text("utf-8")
GATE_PAGE = (ROOT / "docs/gate.md").read_text("utf-8")
READINGS_PAGE = (ROOT / "docs/readings.md").read_text("utf-8")
LOAD_PAGE = (ROOT / "docs/load-results.md").read_text("utf-8")
LIMITS_PAGE = (ROOT / "docs/limits.md").read_text("utf-8")
SCENARIOS_PAGE = (ROOT / "docs/load.md").read_text("utf-8")
PAGES = {
    "README.md": README,
    "affidavit/sandbox/README.md": SANDBOX,
    "docs/checks.md": CHECKS_PAGE,
    "docs/load-results.md": LOAD_PAGE,
    "docs/provider-files.md": FILES_PAGE,
    "docs/readings.md": READINGS_PAGE,
    "docs/gate.md": GATE_PAGE,
    "docs/limits.md": LIMITS_PAGE,
    "docs/reports.md": REPORTS_PAGE,
    "docs/load.md": SCENARIOS_PAGE,
}
CATALOGS = {name: load_catalog(name) for name in providers()}

RUN = {
    "make contract": ("run", "--examples", "0"),  # the rest is the same, and takes most of the time
    ".venv/bin/affidavit plan --provider whatsapi --budget 12": (
        "plan", "--provider", "whatsapi", "--budget", "12",
    ),
    ".venv/bin/affidavit sandbox --list --provider chatmaid": ("sandbox", "--list", "--provider", "chatmaid"),
    ".venv/bin/affidavit run --provider chatmaid --fault limit-one-refused --examples 0": (
        "run", "--provider", "chatmaid", "--fault", "limit-one-refused", "--examples", "0",
    ),
    ".venv/bin/affidavit capacity --provider whatsapi --plan free --polls-per-message 2 --polls-per-message 4": (
        "capacity", "--provider", "whatsapi", "--plan", "free", "--polls-per-message", "2", "--polls-per-message", "4",
    ),
    ".venv/bin/affidavit limits --provider whatsapi --watching": ("limits", "--provider", "whatsapi", "--watching"),
}  # fmt: skip
"""Command -> what stands for it here; it has to end well or with a broken claim, and say what the page shows."""

NOT_RUN = {
    ".venv/bin/affidavit run --provider chatmaid --keys keys.toml": "asks the real API",
    "make contract PROVIDER=whatsapi KEYS=keys.toml BUDGET=20": "asks the real API",
    ".venv/bin/affidavit run --provider whatsapi --keys keys.toml --receiver https://hooks.example.com "
    "--receiver-port 8700": "asks the real API",
    ".venv/bin/affidavit accept reports/chatmaid --measure": "needs a run before it; test_gate_command does it",
    "make report": "needs a run before it; test_report_command does it",
    ".venv/bin/affidavit report reports/chatmaid --format markdown --out -": "as above",
    "make gate": "needs a run before it; test_gate_command does it",
    ".venv/bin/affidavit accept reports/chatmaid CM-150 c468ac7a108b "
    '--reason "Told them" --who Ann --expires 2030-06-30': "needs a run before it; test_gate_command does it",
    ".venv/bin/affidavit gate --speed --baseline old/1 --baseline old/2 --baseline old/3 "
    "new/1 new/2 new/3": "needs runs of a real target; test_speed does it",
    ".venv/bin/affidavit gate reports/chatmaid reports/limits/chatmaid --baseline old/chatmaid "
    "--baseline old/limits/chatmaid": "needs runs before it; test_gate_command does it",
    ".venv/bin/affidavit gate --documents old.yaml new.yaml": "needs two files; test_gate_command does it",
    ".venv/bin/affidavit gate reports/chatmaid --baseline last-week/chatmaid": "needs runs before it; as above",
    ".venv/bin/affidavit accept reports/chatmaid CM-150 "
    '--reason "Ticket 71" --who Ann --expires 2030-06-30': "as above",
    ".venv/bin/affidavit capacity reports/load/run.ndjson --poll-every 5": "needs a load run before it; "
    "test_capacity_command does it",
    "make limits": "asks as much as a burst; test_prober does it",
    "make limits PROVIDER=chatmaid KEYS=keys.toml LIMITS_ARGS='--active --max-requests 300'": "asks the real API",
    ".venv/bin/affidavit limits --url http://127.0.0.1:8601/v1/messages --active": "needs a server; as above",
    "make load": "takes half a minute; tests/load runs the same, shorter",
    ".venv/bin/locust -f load/": "serves until Ctrl-C; tests/load runs it without the web UI",
    ".venv/bin/locust -f load/ --headless --rate 10/s --duration 30s ChatmaidSend WhatsapiList": "as above",
    ".venv/bin/locust -f load/ --headless --processes 2 --rate 500/s ChatmaidSend": "as above",
    "make bench-load": "takes minutes; tests/bench_load does its short form",
    "make score PEERS=1": "takes an hour; tests/meta holds every fault",
    ".ci/run": "runs these tests",
    ".venv/bin/pytest contract_tests --provider chatmaid": "asks as much as `make contract`",
    "make sandbox": "serves until Ctrl-C; tests/sandbox does it",
    ".venv/bin/affidavit sandbox --keys-out sandbox.toml": "serves until Ctrl-C; tests/sandbox does it",
    ".venv/bin/affidavit run --keys sandbox.toml --budget 100": "needs the sandbox before it; test_cli does it",
}


@dataclass(frozen=True)
class Shown:
    """A command of a page, with the output shown right after it."""

    command: str
    output: str


def shown() -> Iterator[Shown]:
    """Every command that a reader may type; the sandbox's own page has its own test."""
    for page in (README, CHECKS_PAGE, FILES_PAGE, GATE_PAGE, LIMITS_PAGE, SCENARIOS_PAGE):
        for block, output in re.findall(
            r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", page, re.MULTILINE | re.DOTALL
        ):
            *first, last = block.replace("\\\n", " ").splitlines()
            yield from (Shown(" ".join(line.split()), "") for line in first)
            yield Shown(" ".join(last.split()), output)
        yield from (Shown(line, "") for line in re.findall(r"^- run: (.*)$", page, re.MULTILINE))


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,6}} |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found[2]


def tables(text: str) -> list[list[list[str]]]:
    """Cells of the tables, without their heads."""
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split(" | ")] for row in one.splitlines()[2:]] for one in blocks]


def named(cells: list[str]) -> list[str]:
    """Everything in backticks."""
    return re.findall(r"`([^`]+)`", " ".join(cells))


def first_cells(text: str, table: int = 0) -> list[str]:
    """What the first column of a table names in backticks."""
    return named([row[0] for row in tables(text)[table]])


def code_blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def messages() -> Iterator[str]:
    """Every text in the package and the Makefile, what is filled in shown as `…`."""
    yield (ROOT / "Makefile").read_text("utf-8")
    for path in (ROOT / "affidavit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)


MESSAGES = list(messages())


# --- commands ---------------------------------------------------------------------------------------------------------


def test_every_command_is_run_or_has_its_reason_and_no_row_is_stale() -> None:
    commands = [one.command for one in shown()]
    assert sorted(set(commands)) == sorted({*RUN, *NOT_RUN})
    assert not set(RUN) & set(NOT_RUN)


def alike(text: str) -> str:
    """The text's form: numbers, white space, which probes are planned and what was not decided may differ."""
    text = re.sub(r"^ +\d+ +\d+  [a-z0-9-]+ +.*$", "PROBE", text, flags=re.MULTILINE)
    text = " ".join(re.sub(r"\d[\d.,]*", "#", text).split())
    text = re.sub(r"observed [A-Z]+-# .*?(?=observed |undecided |# claims|$)", "", text)
    return re.sub(r"undecided # got no evidence: .*?(?=undecided |# claims|$)", "", text)


@pytest.mark.parametrize("one", [one for one in shown() if one.command in RUN], ids=lambda one: one.command)
def test_a_command_says_what_the_page_shows(
    one: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for catalog in CATALOGS.values():
        monkeypatch.delenv(catalog.profile.key_env, raising=False)
    monkeypatch.setattr("sys.argv", ["affidavit", *RUN[one.command]])
    try:
        cli.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    said = alike(capsys.readouterr().out)
    assert code == (ExitCode.BROKEN if "BROKEN" in one.output else ExitCode.KEPT)
    at = 0
    for part in map(str.strip, alike(one.output).split("…")):
        assert part in said[at:]
        at = said.index(part, at) + len(part)


@pytest.mark.parametrize("command", sorted(NOT_RUN))
def test_a_command_that_is_not_run_is_understood(command: str) -> None:
    tool, *arguments = shlex.split(command)
    if tool == "make":
        assert make("--dry-run", *arguments).returncode == 0
    elif tool.endswith("/affidavit"):
        known = cli.cli.commands[arguments[0]]
        known.make_context(arguments[0], arguments[1:])
    elif tool.endswith("/pytest"):
        called = subprocess.run(
            [ROOT / tool, "--collect-only", "-qq", *arguments], cwd=ROOT, capture_output=True, check=False
        )
        assert called.returncode == 0
    else:
        assert (ROOT / tool).is_file()


LOCUST_OPTIONS = {
    "--class-picker", "--expect-workers", "--headless", "--host", "--master", "--master-bind-host", "--master-host",
    "--processes", "--run-time", "--web-host", "--web-port", "--worker",
}  # fmt: skip
"""Those of Locust's own that the pages name."""


def load_options() -> set[str]:
    """Every option that the load scenarios add to Locust's own."""
    tree = ast.parse((ROOT / "load/_options.py").read_text("utf-8"))
    tables = [one.value for one in tree.body if isinstance(one, ast.AnnAssign) and isinstance(one.value, ast.Dict)]
    return {f"--{ast.literal_eval(key)}" for one in tables for key in one.keys if key}


def options() -> set[str]:
    """Every long option of the command line, of the pytest plugin, and of the load scenarios."""
    known = {
        name
        for command in cli.cli.commands.values()
        for one in command.params
        for name in (*one.opts, *one.secondary_opts)
    }
    plugin = (ROOT / "affidavit/pytest_plugin.py").read_text("utf-8")
    return known | set(re.findall(r'addoption\("(--[a-z-]+)"', plugin)) | load_options() | LOCUST_OPTIONS


@pytest.mark.parametrize("page", PAGES)
def test_every_option_a_page_names_exists(page: str) -> None:
    named_options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGES[page]))
    assert named_options <= options()


def test_every_option_is_named_somewhere() -> None:
    text = "\n".join(PAGES.values())
    assert {name for name in options() if not re.search(rf"{name}(?![\w-])", text)} == {"--only"}


@pytest.mark.parametrize("page", PAGES)
def test_every_subcommand_and_make_target_a_page_names_exists(page: str) -> None:
    code = re.findall(r"`([^`\n]+)`", PAGES[page]) + code_blocks(PAGES[page], "sh")
    called = {name for text in code for name in re.findall(r"(?<![\w./])(?:\.venv/bin/)?affidavit ([a-z]+)", text)}
    made = {name for text in code for name in re.findall(r"(?<!\w)make ([a-z-]+)", text)}
    assert called <= set(cli.cli.commands)
    assert made <= documented_targets()


# --- readings ---------------------------------------------------------------------------------------------------------


READINGS = [
    (title, row)
    for title in ("Both providers", "Chatmaid", "WhatsAPI")
    for row in tables(section(READINGS_PAGE, title))[0]
]


def test_every_reading_that_is_named_has_one_row_and_no_row_is_stale() -> None:
    named_readings = {claim.reading for one in CATALOGS.values() for claim in one.claims.values()} - {""}
    for folder in ("affidavit", "openapi"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in {".py", ".yaml", ".toml"}:
                named_readings |= set(re.findall(r"\bG-\d\d\b", path.read_text("utf-8")))
    assert sorted(row[0] for _, row in READINGS) == sorted(named_readings)


def test_every_observed_claim_says_which_reading_makes_it_doubtful() -> None:
    claims = [claim for one in CATALOGS.values() for claim in one.claims.values()]
    assert [claim.id for claim in claims if claim.observe and not claim.reading] == []


@pytest.mark.parametrize(("title", "row"), READINGS, ids=lambda part: part[0] if isinstance(part, list) else None)
def test_a_reading_says_where_the_documents_are_doubtful_and_what_is_chosen(title: str, row: list[str]) -> None:
    _, where, doubtful, chosen = row
    places = [place.rpartition(":") for place in where.split()]
    meant = {
        name for name, one in CATALOGS.items() if {document for document, _, _ in places} & set(one.profile.documents)
    }
    assert meant == (set(CATALOGS) if title == "Both providers" else {title.lower()})
    known = {document for one in CATALOGS.values() for document in one.profile.documents}
    assert all(document in known and line.isdecimal() for document, _, line in places)
    assert doubtful.endswith(".")
    assert chosen.endswith(".")


# --- tables that repeat the code --------------------------------------------------------------------------------------


def test_the_verdicts_are_those_there_are() -> None:
    assert [row[0] for row in tables(README)[0]] == [kind.value for kind in VerdictKind]


def test_the_exit_codes_are_those_there_are() -> None:
    assert [int(row[0]) for row in tables(section(README, "Exit codes"))[0]] == [int(code) for code in ExitCode]


def test_the_risks_are_those_there_are_and_say_how_to_allow_them() -> None:
    rows = tables(section(README, "What is sent, and what never is"))[0]
    assert [named(row[:1])[0] for row in rows] == list(RISKS)
    for risk, row in zip(RISKS, rows, strict=True):
        assert (row[2] == "sent") == (risk in FREE_RISKS)
        assert (f"--allow {risk}`" in row[2]) == (risk not in FREE_RISKS)


def test_the_variables_and_hosts_are_those_of_the_profiles() -> None:
    rows = tables(section(README, "Keys"))[0]
    profiles = [catalog.profile for catalog in CATALOGS.values()]
    assert [(row[0], *named(row[1:])) for row in rows] == [(one.title, one.key_env, one.url) for one in profiles]


@pytest.mark.parametrize("provider", providers())
def test_the_roles_are_those_of_the_profile(provider: str) -> None:
    text = README.split(f"<!-- roles of {provider} -->\n")[1]
    rows = {named(row[:1])[0]: row[1] for row in tables(text)[0]}
    assert rows == dict(CATALOGS[provider].profile.roles)


def test_the_kinds_of_lines_are_those_the_recorder_writes() -> None:
    written = re.findall(r'"kind": "(\w+)"', (ROOT / "affidavit/recorder.py").read_text("utf-8"))
    assert sorted(first_cells(section(README, "Files of a run"), 1)) == sorted(written)


@pytest.mark.parametrize("page", ["README.md", "docs/reports.md"])
def test_the_formats_of_a_report_are_those_there_are(page: str) -> None:
    rows = tables(section(PAGES[page], "Reports" if page == "README.md" else "Formats"))[0]
    written = {named(row[:1])[0]: (named(row[1:2]), row[2]) for row in rows}
    terminal = written.pop(TERMINAL)
    assert terminal[0] == []
    assert written == {name: ([row.file], row.about) for name, row in FORMATS.items()}


def test_every_message_under_troubleshooting_is_one_of_ours() -> None:
    rows = tables(section(README, "Troubleshooting"))[0]
    sought = [text for row in rows for text in named(row[:1])]
    assert len(sought) > 10
    patterns = {text: re.compile(".*".join(map(re.escape, text.split("…"))), re.DOTALL) for text in sought}
    assert [text for text, pattern in patterns.items() if not any(pattern.search(one) for one in MESSAGES)] == []


def test_every_heading_a_message_sends_to_exists() -> None:
    sent = [found for text in MESSAGES for found in re.findall(r"see '?([A-Z][\w ]*?)'? in the README", text)]
    assert sent
    assert [title for title in sent if not re.search(rf"^#+ {title}$", README, re.MULTILINE)] == []


@pytest.mark.parametrize(
    ("title", "table", "known"),
    [
        ("openapi.yaml", 0, {"x-risk", "x-simulated-when", "x-recipients", "x-by-example"}),
        ("claims.yaml", 0, _CLAIM_KEYS),
        ("probes.yaml", 0, script._PROBE_KEYS),
        ("probes.yaml", 2, script._CALL_KEYS),
        ("probes.yaml", 3, script._REPEAT_KEYS),
    ],
)  # fmt: skip
def test_a_table_of_fields_is_complete(title: str, table: int, known: set[str]) -> None:
    assert set(first_cells(section(FILES_PAGE, title), table)) == set(known)


def test_the_extensions_of_an_operation_are_those_the_code_reads() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "affidavit").rglob("*.py"))
    read = set(re.findall(r"""["'](x-[a-z-]+)["']""", code)) - {"x-schemathesis-testcaseid"}
    assert read == set(first_cells(section(FILES_PAGE, "openapi.yaml")))


@pytest.mark.parametrize(("word", "values"), [("Families", FAMILIES), ("Effects", EFFECTS)])
def test_a_list_of_words_is_complete(word: str, values: frozenset[str]) -> None:
    listed = re.search(rf"^{word}: ((?:`.*\n)+)", FILES_PAGE, re.MULTILINE)
    assert listed
    assert sorted(named([listed[1]])) == sorted(values)


def test_the_templates_name_every_form_and_variable() -> None:
    text = section(FILES_PAGE, "Templates")
    assert set(re.findall(r"\{(\w+)[:}]", " ".join(first_cells(text)))) == {*script.BUILT_IN, "name"}
    forms = set(re.findall(r"[$\w]+(?=:)", " ".join(first_cells(text, 1))))
    assert {*FORMS} <= forms
    assert {f"`{name}`" for name in script.NEEDS} <= set(re.findall(r"`[\w-]+`", section(FILES_PAGE, "probes.yaml")))


@pytest.mark.parametrize(("kind", "table"), [(ErrorEnvelope, 1), (RateLimit, 2), (Listing, 3), (Messages, 4)], ids=str)
def test_the_profile_names_every_field(kind: type, table: int) -> None:
    told = {one.rpartition(".")[2].strip("[]") for one in first_cells(section(FILES_PAGE, "profile.toml"), table)}
    assert told == {one.name for one in fields(kind)}


@pytest.mark.parametrize("provider", providers())
def test_the_profile_names_every_table_and_field_in_use(provider: str) -> None:
    data = tomllib.loads((OPENAPI / provider / "profile.toml").read_text("utf-8"))
    told = " ".join(named(first_cells(section(FILES_PAGE, "profile.toml")))) or " ".join(
        first_cells(section(FILES_PAGE, "profile.toml"))
    )
    wanted = {name for name, value in data.items() if not isinstance(value, dict)}
    wanted |= {f"[{name}]" for name in ("server", "keys", "numbers")}
    wanted |= {name for table in ("server", "keys", "numbers") for name in data[table]}
    assert [name for name in wanted if name not in told] == []


def test_the_result_of_a_load_run_names_every_field() -> None:
    line = line_of(Results("chatmaid", "send only"), {}, 1.0)
    assert set(first_cells(LOAD_PAGE)) == set(line)


# --- load scenarios ---------------------------------------------------------------------------------------------------


def test_the_page_of_load_scenarios_names_every_scenario() -> None:
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "load").glob("[a-z]*.py")]
    known = {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    assert set(first_cells(section(SCENARIOS_PAGE, "Scenarios"))) == known


def test_the_page_of_load_scenarios_names_every_threshold_with_its_unit() -> None:
    rows = tables(section(SCENARIOS_PAGE, "Thresholds"))[0]
    told = {name: row[2].rstrip(" |") for row in rows for name in named([row[0]])}
    assert told == {name: one.unit.value for name, one in MEASURES.items()}


def test_the_page_of_load_scenarios_names_every_option() -> None:
    told = section(SCENARIOS_PAGE, "Options")
    assert {*first_cells(told), *first_cells(told, 1)} == load_options()


# --- the list of checks -----------------------------------------------------------------------------------------------


def test_the_list_of_checks_is_up_to_date() -> None:
    written = CHECKS_PAGE.split("<!-- checks -->\n")[1].split("<!-- end of checks -->")[0]
    assert written.strip() == checks_list().strip(), "write what `affidavit checks` prints into docs/checks.md"
    assert set(re.findall(r"^\| `([a-z-]+)` \|", written, re.MULTILINE)) == set(CHECKS)


def test_every_parameter_of_a_check_is_explained_and_no_other() -> None:
    known = {name for check in CHECKS.values() for name in check.required | check.optional | check.any_of}
    assert set(first_cells(section(CHECKS_PAGE, "Parameters"))) == known


def test_the_rules_are_those_in_use_and_those_of_the_code() -> None:
    told = {named(row[:1])[0]: set(named(row[1:])) for row in tables(section(CHECKS_PAGE, "Rules"))[0]}
    assert told["page"] == set(PAGE_RULES)
    rows = [row for catalog in CATALOGS.values() for claim in catalog.claims.values() for row in claim.decided_by]
    for check, rules in told.items():
        assert {row.params["rule"] for row in rows if row.check == check} <= rules
    assert set(told) == {name for name, check in CHECKS.items() if "rule" in check.required}


# --- samples ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", providers())
def test_the_sample_keys_file_is_accepted(provider: str, tmp_path: Path) -> None:
    [sample] = code_blocks(README, "toml")
    path = tmp_path / "keys.toml"
    path.write_text(sample, "utf-8")
    access = read_keys(path, CATALOGS[provider].profile)
    assert set(access.keys) >= {"main"}
    data = tomllib.loads(sample)
    assert {name for table in data.values() for name in table} == set(FIELDS)


def test_the_sample_claims_and_probes_are_accepted() -> None:
    home = OPENAPI / "chatmaid"
    claims, probes = (yaml.safe_load(block) for block in code_blocks(FILES_PAGE, "yaml"))
    catalog = read_catalog(
        "chatmaid",
        openapi=yaml.safe_load((home / "openapi.yaml").read_text("utf-8")),
        claims=claims,
        probes=probes,
        profile=tomllib.loads((home / "profile.toml").read_text("utf-8")),
    )
    assert list(catalog.claims) == ["CM-005"]
    assert list(catalog.script.probes) == ["discover", "send-refusals"]


def test_the_sample_rows_of_checks_are_accepted() -> None:
    [sample] = code_blocks(CHECKS_PAGE, "yaml")
    for row in yaml.safe_load(sample)["decided_by"]:
        name = row.pop("check")
        assert CHECKS[name].problem_with(row) == ""


# --- links ------------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        assert "://" not in target, "a link that this test cannot follow"
        path, _, anchor = target.partition("#")
        there = (ROOT / page).parent / path if path else ROOT / page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text("utf-8")), target


def test_the_number_of_faults_is_told_as_it_is() -> None:
    told = re.findall(r"(\w+): (\d+) faults, each", README)
    assert told
    assert all(int(number) == len(PROVIDERS[provider].faults) for provider, number in told)
