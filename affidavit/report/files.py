"""`verdicts.json` and `junit.xml`: every claim, not only the broken ones; and the bodies that curl commands need."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as ET

from affidavit.catalog import Catalog
from affidavit.exchange import Exchange
from affidavit.finding import Verdict, VerdictKind
from affidavit.report.replay import Replay, proof_of
from affidavit.verdict import Result

REPORTS = Path("reports")
"""The folder of all runs."""
LATEST = "latest"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_results(folder: Path, catalog: Catalog, result: Result, replay: Replay) -> None:
    """Everything that lies beside the record."""
    write_verdicts(folder / "verdicts.json", catalog, result.verdicts)
    write_junit(folder / "junit.xml", catalog, result.verdicts)
    write_bodies(result, replay)


def mark_latest(out: Path, folder: Path) -> None:
    """Let `latest` in the folder of all runs point at this one: `reports`, when `out` lies in it, else `out`.

    Where links cannot be made, there is none, nor where the folder of all runs would point at itself.
    """
    root = REPORTS if REPORTS.resolve() in out.resolve().parents else out
    link, new = root / LATEST, root / f".{LATEST}"
    if root == folder or (link.exists() and not link.is_symlink()):
        return
    with suppress(OSError):
        new.unlink(missing_ok=True)
        new.symlink_to(os.path.relpath(folder, root), target_is_directory=True)
        new.replace(link)


def write_verdicts(path: Path, catalog: Catalog, verdicts: list[Verdict]) -> None:
    """Every verdict with its claim, as JSON."""
    rows = [
        {"says": claim.says, "at": claim.place, "reading": claim.reading, **asdict(one)}
        for one in verdicts
        for claim in [catalog.claims[one.claim]]
    ]
    path.write_text(json.dumps({"provider": catalog.provider, "verdicts": rows}, indent=1), encoding="utf-8")


def write_junit(path: Path, catalog: Catalog, verdicts: list[Verdict]) -> None:
    """One test case per claim: broken is a failure, undecided is skipped with its reason."""
    ET.ElementTree(junit_suite(catalog, verdicts)).write(path, encoding="utf-8", xml_declaration=True)


def junit_suite(catalog: Catalog, verdicts: list[Verdict]) -> ET.Element:
    """The claims of one provider as a test suite."""
    suite = ET.Element("testsuite", name=f"affidavit.{catalog.provider}", tests=str(len(verdicts)))
    for kind, name in ((VerdictKind.BROKEN, "failures"), (VerdictKind.UNDECIDED, "skipped")):
        suite.set(name, str(sum(one.kind is kind for one in verdicts)))
    for one in verdicts:
        claim = catalog.claims[one.claim]
        name = xml_text(f"{claim.id} {claim.says}")
        case = ET.SubElement(suite, "testcase", classname=f"{catalog.provider}.{claim.family}", name=name)
        if one.kind is VerdictKind.BROKEN:
            text = "\n".join(f"expected {f.expected}, got {f.got}" for f in one.findings)
            ET.SubElement(case, "failure", message=xml_text(f"{claim.place}")).text = xml_text(text)
        elif one.kind is VerdictKind.UNDECIDED:
            ET.SubElement(case, "skipped", message=xml_text(one.reason))
        elif one.kind is VerdictKind.OBSERVED:
            ET.SubElement(case, "system-out").text = xml_text(f"observed: {one.reason}")
    return suite


def write_bodies(result: Result, replay: Replay) -> None:
    """The bodies that the curl commands of the broken claims read from files; those of an earlier run go."""
    for old in replay.folder.glob("*.txt"):
        old.unlink()
    for verdict in result.verdicts:
        for finding in verdict.findings if verdict.kind is VerdictKind.BROKEN else ():
            proof = proof_of(result.evidence.exchanges, finding)
            if proof:
                write_body(proof, replay)


def write_body(exchange: Exchange, replay: Replay) -> None:
    """The body that the curl command of one request reads, if it reads any."""
    path = replay.body_file(exchange)
    if path:
        path.parent.mkdir(exist_ok=True)
        path.write_text(exchange.request.body or "", encoding="utf-8", newline="")


def xml_text(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
