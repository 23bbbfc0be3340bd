"""Every format that a report can be written in: one row each. A new one is a renderer and a row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from xml.etree import ElementTree as ET

from affidavit.recorded import CONTRACT
from affidavit.report.files import junit_suite, xml_text
from affidavit.report.har import har
from affidavit.report.html import html
from affidavit.report.load import junit as load_junit
from affidavit.report.markdown import markdown
from affidavit.report.rows import report_of
from affidavit.report.runs import Run
from affidavit.report.sarif import sarif


@dataclass(frozen=True)
class Format:
    """One row."""

    file: str
    """Name of the file it is written to."""
    render: Callable[[Sequence[Run]], str]
    about: str


def as_json(runs: Sequence[Run]) -> str:
    """The rows themselves; docs/report.schema.json describes them."""
    return json.dumps(asdict(report_of(runs)), indent=1) + "\n"


def as_junit(runs: Sequence[Run]) -> str:
    """One suite for each run: a case for each claim or threshold, and one that fails when the run is not complete."""
    suites = ET.Element("testsuites", name="affidavit")
    for run in runs:
        if run.recorded.what == CONTRACT:
            suites.append(_with_end(run, junit_suite(run.catalog, run.result.verdicts)))
        suites.extend(load_junit(run.lines("load"), "" if run.recorded.complete else run.recorded.reason).getroot())
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _with_end(run: Run, suite: ET.Element) -> ET.Element:
    case = ET.SubElement(suite, "testcase", classname=f"{run.catalog.provider}.run", name="the run is complete")
    suite.set("tests", str(len(suite)))
    suite.set("errors", str(int(not run.recorded.complete)))
    if not run.recorded.complete:
        ET.SubElement(case, "error", message=xml_text(run.recorded.reason))
    return suite


def _dumped(document: object) -> str:
    return json.dumps(document) + "\n"


FORMATS: Mapping[str, Format] = {
    "html": Format("report.html", html, "people: one file, which opens offline"),
    "junit": Format("report.junit.xml", as_junit, "test results, which every CI shows"),
    "markdown": Format("report.md", lambda runs: markdown(report_of(runs)), "the summary of a CI job"),
    "sarif": Format("report.sarif", lambda runs: _dumped(sarif(runs)), "code scanning, at the claims' lines"),
    "har": Format("report.har", lambda runs: _dumped(har(runs)), "every exchange, for network panels and proxies"),
    "json": Format("report.json", as_json, "everything judged, for programs"),
}
