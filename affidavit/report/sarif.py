"""Broken claims as SARIF 2.1.0, each pointing at the claim's line in the ledger, for code scanning."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from affidavit.exchange import Exchange
from affidavit.finding import VerdictKind
from affidavit.gate.difference import Difference
from affidavit.gate.findings import broken_claims
from affidavit.report.rows import iso
from affidavit.report.runs import Run
from affidavit.report.text import capped, visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {1: "error", 2: "error", 3: "warning"}
"""By the claim's priority."""
FINGERPRINT = "affidavitFinding/v1"
"""Name of the gate's identity of a finding, by which code scanning knows it again."""
MOST_BODY = 20_000


def sarif(runs: Iterable[Run]) -> dict[str, Any]:
    """One SARIF run for each recorded contract run."""
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(run) for run in runs]}


def _run(run: Run) -> dict[str, Any]:
    found = broken_claims(run.catalog, run.result.evidence, run.result.verdicts)
    broken = [one.claim for one in run.result.verdicts if one.kind is VerdictKind.BROKEN]
    rules = [_rule(run, claim) for claim in broken]
    return {
        "tool": {"driver": {"name": "Affidavit", "version": version("affidavit"), "rules": rules}},
        "automationDetails": {"id": f"affidavit/{run.catalog.provider}/{run.recorded.what}/"},
        "invocations": [_invocation(run)],
        "columnKind": "unicodeCodePoints",
        "results": [_result(run, broken, one) for one in found],
    }


def _invocation(run: Run) -> dict[str, Any]:
    invocation: dict[str, Any] = {"executionSuccessful": run.recorded.complete}
    if not run.recorded.complete:
        message = {"text": visible(run.recorded.reason)}
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": message}]
    started = iso(run.recorded.manifest.get("started"))
    return {**invocation, "startTimeUtc": started.replace("+00:00", "Z")} if started else invocation


def _rule(run: Run, name: str) -> dict[str, Any]:
    claim = run.catalog.claims[name]
    return {
        "id": claim.id,
        "shortDescription": {"text": claim.says},
        "fullDescription": {"text": f"{claim.says} ({claim.place})"},
        "help": {"text": f"Promised in {claim.place}. Operation: {claim.operation}. Family: {claim.family}."},
        "defaultConfiguration": {"level": LEVELS[claim.priority]},
        "properties": {"tags": [run.catalog.provider, claim.family, claim.operation]},
    }


def _result(run: Run, rules: list[str], one: Difference) -> dict[str, Any]:
    claim = run.catalog.claims[one.identity.subject]
    region = {"startLine": run.catalog.claim_lines.get(claim.id, 1)}
    place = {"uri": run.catalog.claims_file, "uriBaseId": "%SRCROOT%"}
    where = f" at {one.identity.at}" if one.identity.at else ""
    text = f"{claim.says} Expected {one.before}, got {one.after}{where}. Promised in {claim.place}."
    return {
        "ruleId": claim.id,
        "ruleIndex": rules.index(claim.id),
        "level": LEVELS[claim.priority],
        "message": {"text": visible(text)},
        "locations": [{"physicalLocation": {"artifactLocation": place, "region": region}}],
        "partialFingerprints": {FINGERPRINT: one.id},
        **_web(next(iter(run.result.evidence.at([one.exchange])), None)),
    }


def _web(proof: Exchange | None) -> dict[str, Any]:
    if proof is None:
        return {}
    asked, answer = proof.request, proof.response
    request = {
        "protocol": "HTTP",
        "method": asked.method,
        "target": visible(asked.url),
        "headers": _pairs(asked.headers),
    }
    if asked.body is not None:
        request["body"] = {"text": visible(capped(asked.body, MOST_BODY))}
    if answer is None:
        return {"webRequest": request, "webResponse": {"noResponseReceived": True}}
    body = {"text": visible(capped(answer.body, MOST_BODY))}
    response = {"protocol": "HTTP", "statusCode": answer.status, "headers": _pairs(answer.headers), "body": body}
    return {"webRequest": request, "webResponse": response}


def _pairs(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {visible(name): visible(value) for name, value in headers}
