"""The identity of a finding: it lasts, and it covers nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from affidavit.catalog import Catalog, read_catalog
from affidavit.documents import OPENAPI, _toml, _yaml
from affidavit.gate.findings import broken_claims, without_values
from affidavit.gate.places import general
from affidavit.verdict import judge
from tests.gate.conftest import RunOf

Edit = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("status 400", "status 400"),
        ("Remaining 57", "Remaining #"),
        ("429 after 60 requests", "# after # requests"),
        ("one of 200, 400, 404", "one of"),
        ("/path /v1/messages/msg_5d29996356863a12", "/path #"),
        ("an instant within 300 s of Fri, 15 Jan 2027 08:00:00 GMT", "an instant within # s of #"),
        ("status 2xx", "status 2xx"),
        ("X-RateLimit-Limit: 500", "X-RateLimit-Limit: #"),
        ("no API key in the answer", "no API key in the answer"),
        ("it shows ⟨key main: sk_test_ + 32 hex⟩", "it shows key"),
    ],
)
def test_an_expectation_keeps_what_every_run_has(said: str, kept: str) -> None:
    assert without_values(said) == kept


@pytest.mark.parametrize(
    ("pointer", "told"),
    [
        ("/data/3/name", "/data/*/name"),
        ("/days/2030-01-31/sent", "/days/*/sent"),
        ("/byPhone/+12025550110", "/byPhone/*"),
        ("/messages/e103d493-f81e-4b86-9761-2971f9a09090", "/messages/*"),
        ("/data/line2", "/data/line2"),
        ("/a~1b", "/*"),
        ("", ""),
    ],
)
def test_a_pointer_names_no_data(pointer: str, told: str) -> None:
    assert general(pointer) == told


def with_optional_property(document: dict[str, Any]) -> dict[str, Any]:
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema["properties"]["addedLater"] = {"type": "string"}
    return document


def turned_round(document: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Every mapping in the opposite order."""
    if isinstance(document, dict):
        return {key: turned_round(value) for key, value in reversed(document.items())}
    return [turned_round(item) for item in document] if isinstance(document, list) else document


def with_other_names(document: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/Renamed{name}"')
    renamed: dict[str, Any] = json.loads(text)
    renamed["components"]["schemas"] = {f"Renamed{key}": one for key, one in renamed["components"]["schemas"].items()}
    return renamed


def edited(provider: str, edit: Edit) -> Catalog:
    home = OPENAPI / provider
    document = edit(json.loads(json.dumps(_yaml(home / "openapi.yaml"))))
    parts = {name: _yaml(home / f"{name}.yaml") for name in ("claims", "probes")}
    return read_catalog(provider, openapi=document, profile=_toml(home / "profile.toml"), **parts)


@pytest.mark.parametrize("edit", [with_optional_property, turned_round, with_other_names])
@pytest.mark.parametrize("fault", ["created-at-with-offset", "result-without-envelope", "connection-answers-203"])
def test_edits_of_the_document_elsewhere_change_no_identity(edit: Edit, fault: str, run_of: RunOf) -> None:
    found = run_of(fault=fault)
    catalog = edited("chatmaid", edit)
    again = broken_claims(catalog, found.evidence, judge(catalog, found.evidence))
    assert {one.identity for one in again} == {one.identity for one in found.broken}
    assert again


def test_two_values_of_one_step_are_two_findings(run_of: RunOf) -> None:
    found = run_of(fault="content-of-any-type-accepted").broken
    steps = {one.identity.step for one in found}
    assert len(steps) == len(found) > 2
    assert len({step.split(" ")[0] for step in steps}) < len(steps)


def test_every_way_of_breaking_is_there_though_the_verdict_keeps_only_some(run_of: RunOf) -> None:
    judged = run_of(fault="refusal-path-missing")
    operations = {one.identity.operation for one in judged.broken if one.identity.subject == "CM-189"}
    answered = {
        one.operation
        for one in judged.evidence.exchanges
        if one.operation and one.response and one.response.status >= 400
    }
    assert operations == answered


def test_a_finding_shown_only_by_invented_requests_has_no_source(run_of: RunOf) -> None:
    judged = run_of(fault="refusal-path-missing")
    exchanges = tuple(replace(one, source=f"property/{one.operation}") for one in judged.evidence.exchanges)
    evidence = replace(judged.evidence, exchanges=exchanges)
    found = broken_claims(judged.catalog, evidence, judge(judged.catalog, evidence))
    assert {one.sources for one in found} == {()}
    assert all(one.sources for one in judged.broken)
