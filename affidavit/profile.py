"""A provider's profile: the facts about a provider that its OpenAPI document has no place for.

Where it lives, what a key looks like and which roles of keys unlock what, how it writes numbers, where its error
envelope and its lists keep things, how a message moves, and where it announces rate limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
MAIN = "main"


@dataclass(frozen=True)
class RateLimit:
    """How the provider limits callers, as far as documented."""

    window_seconds: float = 60.0
    requests: int | None = None
    """Requests per window to stay within when nothing on the wire says more; None when headers tell."""
    plans: Mapping[str, int] = field(default_factory=dict)
    """Plan -> requests per window and key, as documented."""
    documented: bool = False
    limit_header: str | None = None
    remaining_header: str | None = None
    reset_header: str | None = None
    retry_after_header: str | None = None
    retry_after_body: str | None = None
    """JSON Pointer."""


@dataclass(frozen=True)
class Listing:
    """Where a list operation keeps its parts; pointers into the body, None where undocumented."""

    items: str
    """JSON Pointer of the array, or `infer`."""
    id: str = "/id"
    page: str | None = None
    limit: str | None = None
    total: str | None = None
    pages: str | None = None
    page_parameter: str | None = None
    limit_parameter: str | None = None
    default_page: int | None = None
    default_limit: int | None = None
    max_limit: int | None = None


@dataclass(frozen=True)
class Times:
    """A timestamp field: the statuses in which it is set, and those in which it must be null."""

    set_in: frozenset[str]
    unset_in: frozenset[str]


@dataclass(frozen=True)
class Messages:
    """Where a message shows its state, and how that state may move."""

    statuses: tuple[str, ...] = ()
    status: str = "/status"
    id: str = "/id"
    edges: Mapping[str, frozenset[str]] = field(default_factory=dict)
    revived_by: Mapping[str, str] = field(default_factory=dict)
    """Status -> operation without which no message leaves it."""
    times: Mapping[str, Times] = field(default_factory=dict)
    found_in: Mapping[str, str] = field(default_factory=dict)
    """`operation/status` -> pointer of the message objects in that answer."""

    def reachable(self, status: str, revived: frozenset[str]) -> frozenset[str]:
        """Every status a message in `status` may show later, itself included; `revived` are operations that came."""
        final = {dead for dead, operation in self.revived_by.items() if operation not in revived}
        seen = {status}
        frontier = [status]
        while frontier:
            left = [before for before in frontier if before not in final]
            frontier = [after for before in left for after in self.edges.get(before, ()) if after not in seen]
            seen.update(frontier)
        return frozenset(seen)


@dataclass(frozen=True)
class ErrorEnvelope:
    """Pointers into the documented error body; None for a part it does not have."""

    ok: str | None = None
    text: str | None = None
    messages: str | None = None
    status: str | None = None
    timestamp: str | None = None
    path: str | None = None
    details: str | None = None


@dataclass(frozen=True)
class Profile:
    """Everything `profile.toml` says."""

    provider: str
    title: str
    documents: tuple[str, ...]
    url: str
    key_env: str
    key_pattern: re.Pattern[str]
    main_prefix: str
    roles: Mapping[str, str]
    """Role -> what a key in it unlocks, in words."""
    number_form: str
    recipient: str
    sandbox_recipients: Mapping[str, str]
    errors: ErrorEnvelope
    rate_limit: RateLimit
    listings: Mapping[str, Listing]
    messages: Messages

    def number(self, digits: str) -> str:
        """Digits the way the provider writes a phone number."""
        return self.number_form.replace("{digits}", digits)


def read_profile(data: Mapping[str, Any]) -> Profile:
    """Check and type a parsed `profile.toml`. Raises ValueError or KeyError naming the field."""
    known = {
        "provider",
        "title",
        "documents",
        "server",
        "keys",
        "numbers",
        "errors",
        "rate_limit",
        "listings",
        "messages",
    }
    unknown = set(data) - known
    if unknown:
        raise ValueError(f"profile.toml: unknown table or field {sorted(unknown)}; known are {sorted(known)}")
    keys, numbers = data["keys"], data["numbers"]
    _only(keys, {"env", "pattern", "main_prefix", "roles"}, "keys")
    _only(numbers, {"form", "recipient", "sandbox"}, "numbers")
    _only(data["server"], {"url"}, "server")
    if MAIN not in keys["roles"]:
        raise ValueError(f"profile.toml: [keys.roles] has no {MAIN!r}, the role every user has")
    return Profile(
        provider=data["provider"],
        title=data["title"],
        documents=tuple(data["documents"]),
        url=data["server"]["url"],
        key_env=keys["env"],
        key_pattern=re.compile(keys["pattern"]),
        main_prefix=keys.get("main_prefix", ""),
        roles=dict(keys["roles"]),
        number_form=numbers["form"],
        recipient=numbers["recipient"],
        sandbox_recipients=dict(numbers.get("sandbox", {})),
        errors=_typed(ErrorEnvelope, data.get("errors", {}), "errors"),
        rate_limit=_rate_limit(data.get("rate_limit", {})),
        listings={
            operation: _typed(Listing, table, f"listings.{operation}")
            for operation, table in data.get("listings", {}).items()
        },
        messages=_messages(data.get("messages", {})),
    )


def _rate_limit(table: Mapping[str, Any]) -> RateLimit:
    limit = _typed(RateLimit, table, "rate_limit")
    wrong = [name for name, requests in limit.plans.items() if type(requests) is not int or requests < 1]
    if wrong:
        raise ValueError(f"profile.toml: [rate_limit.plans] {wrong} must be a number of requests, at least 1")
    return limit


def _messages(table: Mapping[str, Any]) -> Messages:
    _only(table, {"statuses", "status", "id", "edges", "revived_by", "times", "found_in"}, "messages")
    statuses = tuple(table.get("statuses", ()))
    edges = {status: frozenset(after) for status, after in table.get("edges", {}).items()}
    strange = ({*edges} | {after for several in edges.values() for after in several}) - {*statuses}
    if strange:
        raise ValueError(f"profile.toml: [messages] edges name {sorted(strange)}, which are not among its statuses")
    times = {
        name: Times(frozenset(row.get("set", ())), frozenset(row.get("unset", ())))
        for name, row in table.get("times", {}).items()
    }
    revived_by, found_in = dict(table.get("revived_by", {})), dict(table.get("found_in", {}))
    return Messages(
        statuses, table.get("status", "/status"), table.get("id", "/id"), edges, revived_by, times, found_in
    )


def _typed(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    _only(table, set(kind.__dataclass_fields__), where)  # type: ignore[attr-defined]  # only dataclasses are read so
    return kind(**table)


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = set(table) - known
    if unknown:
        raise ValueError(f"profile.toml: [{where}] has unknown {sorted(unknown)}; known are {sorted(known)}")
