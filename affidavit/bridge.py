"""Schemathesis through our one way out: it invents requests from the document, our client sends and records them.

Nothing of schemathesis judges here. Its cases become `Send`s like any probe's, and the checks of the ledger look at
the exchanges later, so a property test obeys the same safety, budget and pacing as everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from affidavit.openapi_document import OpenApiDocument, Operation
from affidavit.probes.flow import Send
from affidavit.profile import MAIN
from affidavit.safety import FREE_RISKS, SACRIFICIAL

OWN_HEADERS = frozenset({"user-agent", "content-length", "authorization", "x-schemathesis-testcaseid", "connection"})
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@dataclass(frozen=True)
class Properties:
    """Property tests of one provider."""

    path: Path
    document: OpenApiDocument
    keys: dict[str, str]
    seed: int
    examples: int
    """Requests per operation and mode at most."""

    def operations(self) -> Iterator[tuple[Operation, str]]:
        """Operations that may be repeated with invented input, with the key role to use.

        One that destroys its own credential can be asked once only, which a probe does.
        """
        for operation in self.document.operations.values():
            if operation.risk == "destroys-credential":
                continue
            quiet = operation.risk in {*FREE_RISKS, "real-message"}
            role = MAIN if quiet else SACRIFICIAL
            if not operation.needs_key:
                yield operation, "none"
            elif role in self.keys or MAIN in self.keys:
                yield operation, role if role in self.keys else MAIN

    def explore(self, operation: Operation, role: str, send: Callable[[Send], Any]) -> None:
        """Send invented requests of one operation, valid and invalid ones."""
        schema = schemathesis.openapi.from_path(self.path)
        target = schema.find_operation_by_id(operation.id)
        for mode in MODES:
            strategy = target.as_strategy(generation_mode=mode)

            @seed(self.seed)
            @settings(
                max_examples=self.examples,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def ask(case: Any) -> None:  # noqa: ANN401 - schemathesis types its cases loosely
                send(_send(case, operation, role, self.keys))

            with suppress(Unsatisfiable):  # some operations cannot be asked wrongly
                ask()


def _send(case: Any, operation: Operation, role: str, keys: dict[str, str]) -> Send:  # noqa: ANN401 - as above
    kwargs = case.as_transport_kwargs(base_url="http://target.invalid")
    prepared = requests.Request(**{name: kwargs[name] for name in _REQUEST_PARTS if name in kwargs}).prepare()
    parts = urlsplit(prepared.url or "")
    headers = [(name, value) for name, value in prepared.headers.items() if name.lower() not in OWN_HEADERS]
    if role != "none":
        headers.insert(0, ("Authorization", f"Bearer {keys[role]}"))
    body = prepared.body
    return Send(
        source=f"property/{operation.id}",
        operation=operation.id,
        method=prepared.method or operation.method,
        path=parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers=tuple((name, value if isinstance(value, str) else value.decode("latin-1")) for name, value in headers),
        body=body.decode("utf-8", "surrogateescape")
        if isinstance(body, bytes)
        else body
        if isinstance(body, str)
        else None,
        role=None if role == "none" else role,
    )


_REQUEST_PARTS = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
