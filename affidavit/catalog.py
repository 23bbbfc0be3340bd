"""A provider as data: its document, ledger, probes and profile, checked against each other.

Reading is strict. A field nobody knows, a claim without a deciding check or a reason, a check without its
parameters, a step that does not exist: each is a `CatalogError` that names the value and the fix. What this module
must not know: any provider's name, and how the files are found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from affidavit.checks.table import CHECKS
from affidavit.errors import CatalogError
from affidavit.openapi_document import OpenApiDocument
from affidavit.probes.parts import Part, filled_from, parts
from affidavit.probes.script import Script, read_script
from affidavit.profile import Profile, read_profile

FAMILIES = frozenset(
    {
        "schema", "status", "validation", "boundary", "default", "echo", "pagination", "order", "filter",
        "idempotency", "lifecycle", "auth", "scope", "isolation", "secret", "webhook", "encoding", "totals", "bulk",
        "template", "dry-run", "rate-limit", "errors", "workflow",
    }
)  # fmt: skip
EFFECTS = frozenset({"none", "simulated-message", "real-message", "account-change", "destroys-credential", "billing"})
_CLAIM_KEYS = frozenset(
    {"id", "says", "at", "operation", "family", "priority", "effect", "decided_by", "by_hand", "undecided", "reading",
     "observe"}
)  # fmt: skip
_DECISIONS = ("decided_by", "by_hand", "undecided")


@dataclass(frozen=True)
class Row:
    """One deciding check of a claim."""

    check: str
    params: Mapping[str, Any]

    @property
    def steps(self) -> tuple[str, ...]:
        """Every `probe/step` the row refers to."""
        return CHECKS[self.check].steps(self.params)

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """What the row needs to be judged: of each group one step. Empty when it judges answers whoever asked."""
        return CHECKS[self.check].alternatives(self.params)

    @property
    def status(self) -> Any:  # noqa: ANN401 - a status, a class such as 2xx, or a list of them
        """Which answers it looks at."""
        return "any" if CHECKS[self.check].of_states else self.params.get("status", "any")

    @property
    def hears(self) -> bool:
        """Whether it judges webhooks."""
        return CHECKS[self.check].hears

    @property
    def seen_in(self) -> str:
        """Which kind of answer can show anything of it; '' for any of the right operation and status."""
        return CHECKS[self.check].seen_in


@dataclass(frozen=True)
class Claim:
    """One atomic promise of the documents, in our words."""

    id: str
    says: str
    document: str
    line: int
    operation: str
    family: str
    priority: int
    """1 matters most, 3 least."""
    effect: str
    decided_by: tuple[Row, ...]
    by_hand: str
    undecided: str
    reading: str
    observe: bool

    @property
    def place(self) -> str:
        """`document:line`."""
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Catalog:
    """Everything known of one provider."""

    provider: str
    openapi: OpenApiDocument
    claims: Mapping[str, Claim]
    script: Script
    profile: Profile
    claims_file: str
    claim_lines: Mapping[str, int]
    """Line of each claim in its file, for reports that point there."""

    @cached_property
    def filled_from(self) -> Mapping[str, frozenset[str]]:
        """Step -> the steps that save what its request is filled from."""
        return filled_from(self.script)

    @cached_property
    def parts(self) -> Sequence[Part]:
        """What of the probes can be asked without the rest."""
        return tuple(parts(self.script, self.filled_from))

    @cached_property
    def whole_parts(self) -> Sequence[Part]:
        """The probes, each as one part."""
        return tuple(parts(self.script, self.filled_from, whole=True))


def read_catalog(  # noqa: PLR0913 - one argument per file
    provider: str,
    *,
    openapi: Mapping[str, Any],
    claims: Mapping[str, Any],
    probes: Mapping[str, Any],
    profile: Mapping[str, Any],
    claim_lines: Mapping[str, int] | None = None,
) -> Catalog:
    """Put a provider's four parsed files together. Raises CatalogError."""
    where = f"openapi/{provider}"
    try:
        document = OpenApiDocument(openapi)
        typed_profile = read_profile(profile)
        script = read_script(probes, list(document.operations), list(typed_profile.roles))
        ledger = _claims(claims)
        for claim in ledger.values():
            _check_claim(claim, document, script)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise CatalogError(f"{where}: {_text(problem)}") from problem
    return Catalog(provider, document, ledger, script, typed_profile, f"{where}/claims.yaml", claim_lines or {})


def _text(problem: Exception) -> str:
    if isinstance(problem, KeyError):
        return f"{problem.args[0]!r} is missing; see 'How to add a provider' in the README for what each file holds"
    return str(problem)


def _claims(data: Mapping[str, Any]) -> dict[str, Claim]:
    _only(data, {"provider", "claims"}, "claims.yaml")
    ledger: dict[str, Claim] = {}
    for item in data["claims"]:
        claim = _claim(item)
        if claim.id in ledger:
            raise ValueError(f"claim {claim.id} is there twice; ids are stable and used once")
        ledger[claim.id] = claim
    return ledger


def _claim(item: Mapping[str, Any]) -> Claim:
    where = f"claim {item.get('id')!r}"
    _only(item, _CLAIM_KEYS, where)
    given = [name for name in _DECISIONS if item.get(name)]
    if len(given) != 1:
        raise ValueError(f"{where}: has {given or 'none'} of {list(_DECISIONS)}, expected exactly one")
    for name, allowed in (("family", FAMILIES), ("effect", EFFECTS), ("priority", {1, 2, 3})):
        if item[name] not in allowed:
            raise ValueError(f"{where}: {name} is {item[name]!r}, expected one of {sorted(allowed, key=str)}")
    document, _, line = str(item["at"]).rpartition(":")
    if not line.isdecimal():
        raise ValueError(f"{where}: at is {item['at']!r}, expected document:line")
    return Claim(
        id=item["id"],
        says=item["says"],
        document=document,
        line=int(line),
        operation=item["operation"],
        family=item["family"],
        priority=item["priority"],
        effect=item["effect"],
        decided_by=tuple(_row(row, where) for row in item.get("decided_by", ())),
        by_hand=item.get("by_hand", ""),
        undecided=item.get("undecided", ""),
        reading=item.get("reading", ""),
        observe=bool(item.get("observe", False)),
    )


def _row(item: Mapping[str, Any], where: str) -> Row:
    name = item["check"]
    if name not in CHECKS:
        raise ValueError(f"{where}: names the check {name!r}, which does not exist; known are {sorted(CHECKS)}")
    params = {key: value for key, value in item.items() if key != "check"}
    problem = CHECKS[name].problem_with(params)
    if problem:
        raise ValueError(f"{where}: check {name!r} {problem}")
    return Row(name, params)


def _check_claim(claim: Claim, document: OpenApiDocument, script: Script) -> None:
    known = {*document.operations, "*", "webhook"}
    if claim.operation not in known:
        raise ValueError(f"claim {claim.id}: operation {claim.operation!r} is not in openapi.yaml")
    for row in claim.decided_by:
        for step in row.steps:
            _check_step(claim.id, step, script)
        for operation in _operations(row.params):
            if operation not in known:
                raise ValueError(f"claim {claim.id}: check {row.check!r} looks at unknown operation {operation!r}")


def _check_step(claim: str, reference: str, script: Script) -> None:
    probe, _, step = reference.partition("/")
    if probe not in script.probes or step not in {call.id for call in script.probes[probe].calls}:
        raise ValueError(f"claim {claim}: refers to the step {reference!r}, which probes.yaml does not have")


def _operations(params: Mapping[str, Any]) -> Sequence[str]:
    named = params.get("operation", ())
    return [named] if isinstance(named, str) else list(named)


def _only(item: Mapping[str, Any], known: set[str] | frozenset[str], where: str) -> None:
    unknown = set(item) - known
    if unknown:
        raise ValueError(f"{where}: unknown field {sorted(unknown)}; known are {sorted(known)}")
