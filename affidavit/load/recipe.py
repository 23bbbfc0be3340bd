"""What a provider's `load.toml` says: which requests its load scenarios are made of, and how they are worded.

A request is worded once for a key, before the run, into the bytes that go on the wire; only a message's id is put in
later. Safety is asked at the same time: a wording that must not leave is never made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from affidavit.catalog import Catalog
from affidavit.errors import CatalogError, RefusedError, UsageError
from affidavit.exchange import ABSENT
from affidavit.openapi_document import Operation
from affidavit.pointer import first, put
from affidavit.safety import Policy, refusal
from affidavit.template import Scope, UnboundError, as_text, fill

FIELDS = ("prepare", "requests", "states", "webhook")
REQUEST_FIELDS = ("call", "path", "query", "body", "message", "state")
PREPARE_FIELDS = ("call", "save")
WEBHOOK_FIELDS = ("call", "body", "message", "state")
STATES = ("sent", "delivered", "failed")
USER_AGENT = "affidavit"
_ID = "~id~"
"""Stands for a message's id until there is one; no part of it is ever escaped in a path."""


@dataclass(frozen=True)
class Asked:
    """One kind of request."""

    name: str
    operation: Operation
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    """A template, or ABSENT."""
    message: str | None
    """Pointer to the id of the message that its answer tells of; None when it makes none."""
    state: str | None
    """Pointer to the state of that message."""


@dataclass(frozen=True)
class Webhook:
    """How changes of a message's state are registered for, and told."""

    operation: Operation
    body: Any
    message: str
    state: str


@dataclass(frozen=True)
class Recipe:
    """Everything `load.toml` says."""

    provider: str
    requests: Mapping[str, Asked]
    states: Mapping[str, frozenset[str]]
    """What is waited for -> the states that show it has come."""
    prepare: Asked | None = None
    save: Mapping[str, str] | None = None
    """Variable -> pointer into the answer of `prepare`."""
    webhook: Webhook | None = None


class Wording(NamedTuple):
    """The bytes of one request with one key; with a message's id between them, when `tail` is not None."""

    operation: str
    method: str
    head: bytes
    tail: bytes | None

    def about(self, message: str) -> bytes:
        """The whole request."""
        if self.tail is None:
            return self.head
        return self.head + quote(message, safe="").encode() + self.tail


def read_recipe(data: Mapping[str, Any], catalog: Catalog) -> Recipe:
    """Check and type a parsed `load.toml`. Raises CatalogError."""
    where = f"openapi/{catalog.provider}/load.toml"
    try:
        return _recipe(data, catalog)
    except (ValueError, TypeError) as problem:
        raise CatalogError(f"{where}: {problem}") from problem
    except KeyError as problem:
        raise CatalogError(f"{where}: {problem} is missing") from problem


def _recipe(data: Mapping[str, Any], catalog: Catalog) -> Recipe:
    _only(data, FIELDS, "the file")
    _only(data["states"], STATES, "[states]")
    if strange := {one for row in data["states"].values() for one in row} - {*catalog.profile.messages.statuses}:
        raise ValueError(f"[states] names {sorted(strange)}, which are no states in profile.toml")
    prepare, webhook = data.get("prepare"), data.get("webhook")
    if prepare is not None:
        _only(prepare, PREPARE_FIELDS, "[prepare]")
    if webhook is not None:
        _only(webhook, WEBHOOK_FIELDS, "[webhook]")
    return Recipe(
        provider=catalog.provider,
        requests={name: _asked(name, table, catalog) for name, table in data["requests"].items()},
        states={name: frozenset(data["states"][name]) for name in STATES},
        prepare=prepare and _asked("prepare", {"call": prepare["call"]}, catalog),
        save=prepare and dict(prepare["save"]),
        webhook=webhook
        and Webhook(_operation(webhook["call"], catalog), webhook["body"], webhook["message"], webhook["state"]),
    )


def _asked(name: str, table: Mapping[str, Any], catalog: Catalog) -> Asked:
    _only(table, REQUEST_FIELDS, f"[requests.{name}]")
    return Asked(
        name,
        _operation(table["call"], catalog),
        dict(table.get("path", {})),
        dict(table.get("query", {})),
        table.get("body", ABSENT),
        table.get("message"),
        table.get("state"),
    )


def _operation(name: str, catalog: Catalog) -> Operation:
    if name not in catalog.openapi.operations:
        raise ValueError(f"call is {name!r}, which openapi.yaml does not have")
    return catalog.openapi.operations[name]


def _only(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    if unknown := sorted(set(table) - set(known)):
        raise ValueError(f"{where} has unknown {', '.join(unknown)}; known are {', '.join(known)}")


def saved(recipe: Recipe, answer: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """The variables that the answer to `prepare` gives. Raises UsageError when one is not there."""
    found = {name: first(answer, pointer) for name, pointer in (recipe.save or {}).items()}
    for name, value in found.items():
        if value is ABSENT and recipe.prepare and recipe.save:
            raise UsageError(
                f"the account has no {name}: {recipe.prepare.operation.id} shows nothing at {recipe.save[name]}; "
                "the load scenarios need one"
            )
    return found


@dataclass(frozen=True)
class Writer:
    """Words requests for one target."""

    host: str
    """Value of the Host header."""
    prefix: str
    """Path that stands before every path."""
    policy: Policy
    scope: Scope

    def word(self, asked: Asked, role: str, key: str) -> Wording:
        """The request's bytes. Raises RefusedError when it must not leave, UsageError when something is not known."""
        try:
            body = fill(asked.body, self.scope) if asked.body is not ABSENT else ABSENT
            values = {name: _path_value(value, self.scope) for name, value in asked.path.items()}
        except UnboundError as problem:
            raise UsageError(f"the request {asked.name} needs {problem.name}, which is not known here") from problem
        body = self._harmless(asked.operation, body)
        why = refusal(self.policy, asked.operation, asked.operation.method, key, role, body)
        if why:
            raise RefusedError(why)
        path = self.prefix + asked.operation.template.format_map(values)
        path += f"?{urlencode(asked.query)}" if asked.query else ""
        whole = _bytes(asked.operation.method, path, self.host, key, body)
        head, found, tail = whole.partition(_ID.encode())
        return Wording(asked.operation.id, asked.operation.method, head, tail if found else None)

    def _harmless(self, operation: Operation, body: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The body, simulating where a real message is not allowed and the documents offer that."""
        if self.policy.embedded or "real-message" in self.policy.allowed or body is ABSENT:
            return body
        for pointer, value in operation.data.get("x-simulated-when", {}).get("body", {}).items():
            body = put(body, pointer, value)
        return body


def _path_value(template: str, scope: Scope) -> str:
    return _ID if template == "{message}" else quote(as_text(fill(template, scope)), safe="")


def _bytes(method: str, path: str, host: str, key: str, body: Any) -> bytes:  # noqa: ANN401 - any JSON value
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"User-Agent: {USER_AGENT}", "Accept: application/json"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    content = b""
    if body is not ABSENT:
        content = json.dumps(body).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content
