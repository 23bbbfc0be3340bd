"""Schemathesis through our one way out: it invents requests from the document, our client sends and records them.

Nothing of schemathesis judges here. Its cases become `Send`s like any probe's, and the checks of the ledger look at
the exchanges later, so a property test obeys the same safety, budget and pacing as everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from json import dumps, loads
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis import Response as SchemaResponse
from schemathesis.generation.stateful import run_state_machine_as_test

from affidavit.errors import AffidavitError
from affidavit.exchange import Response
from affidavit.openapi_document import OpenApiDocument, Operation
from affidavit.probes.flow import Send
from affidavit.profile import MAIN
from affidavit.safety import FREE_RISKS, SACRIFICIAL

OWN_HEADERS = frozenset({"user-agent", "content-length", "authorization", "x-schemathesis-testcaseid", "connection"})
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@dataclass
class Properties:
    """Property tests of one provider, and the walk over its links."""

    path: Path
    document: OpenApiDocument
    keys: dict[str, str]
    seed: int
    send: Callable[[Send], Any]
    """The one way out; one answer per request."""
    fitted: Callable[[Operation, Any], Any] = field(default=lambda _operation, body: body)
    """Puts into an invented JSON body what cannot be guessed, and takes out what must not leave."""
    _stopped: Exception | None = None

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

    def explore(self, operation: Operation, role: str, examples: int) -> None:
        """Send invented requests of one operation, `examples` valid and as many invalid ones at most."""
        target = self._schema().find_operation_by_id(operation.id)
        sent: set[Send] = set()
        for mode in MODES:
            strategy = target.as_strategy(generation_mode=mode)

            @seed(self.seed)
            @_settings(examples)
            @given(case=strategy)
            def ask(case: Any) -> None:  # noqa: ANN401 - schemathesis types its cases loosely
                request = self._request(case, operation, role, "property")
                if request not in sent:
                    sent.add(request)
                    self._ask(request)

            with suppress(Unsatisfiable):  # some operations cannot be asked wrongly
                ask()
            self._raise_stopped()

    def walk(self, scenarios: int, steps: int) -> None:
        """Follow the document's links: what one answer gives, the next request uses."""
        roles = {operation.id: (operation, role) for operation, role in self.operations()}
        schema = self._schema()
        left_out = [name for name in self.document.operations if name not in roles]
        if left_out:
            schema = schema.exclude(operation_id=left_out)
        ask, build = self._ask, self._request

        class Walk(schema.as_state_machine()):  # type: ignore[misc]  # the class is made from the document at run time
            def call(self, case: Any, **_: Any) -> SchemaResponse:  # noqa: ANN401 - as in the base class
                operation, role = roles[case.operation.definition.raw["operationId"]]
                return _as_schemathesis(case, ask(build(case, operation, role, "stateful")))

            def validate_response(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - as in the base class
                """Nothing: the checks of the ledger judge the record."""

        run_state_machine_as_test(
            seed(self.seed)(Walk), settings=settings(_settings(scenarios), stateful_step_count=steps)
        )
        self._raise_stopped()

    def _schema(self) -> Any:  # noqa: ANN401 - schemathesis types its schemas loosely
        return schemathesis.openapi.from_path(self.path)

    def _ask(self, request: Send) -> Response | None:
        """Send it. Once something ended the run, nothing more is sent: hypothesis would try to shrink it."""
        if self._stopped:
            return None
        try:
            answers = self.send(request)
        except AffidavitError as stop:
            self._stopped = stop
            return None
        return next((answer for answer in answers if isinstance(answer, Response)), None)

    def _raise_stopped(self) -> None:
        if self._stopped:
            raise self._stopped

    def _request(self, case: Any, operation: Operation, role: str, kind: str) -> Send:  # noqa: ANN401 - as above
        prepared = _prepared(case)
        parts = urlsplit(prepared.url or "")
        headers = [(name, value) for name, value in prepared.headers.items() if name.lower() not in OWN_HEADERS]
        if role != "none":
            headers.insert(0, ("Authorization", f"Bearer {self.keys[role]}"))
        return Send(
            source=f"{kind}/{operation.id}",
            operation=operation.id,
            method=prepared.method or operation.method,
            path=parts.path,
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers=tuple(
                (name, value if isinstance(value, str) else value.decode("latin-1")) for name, value in headers
            ),
            body=self._body(operation, prepared.body),
            role=None if role == "none" else role,
        )

    def _body(self, operation: Operation, body: Any) -> str | None:  # noqa: ANN401 - requests types it loosely
        text = body.decode("utf-8", "surrogateescape") if isinstance(body, bytes) else body or None
        try:
            value = loads(text or "")
        except ValueError:
            return text
        fitted = self.fitted(operation, value)
        return text if fitted == value else dumps(fitted, ensure_ascii=False)


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def _prepared(case: Any) -> requests.PreparedRequest:  # noqa: ANN401 - schemathesis types its cases loosely
    kwargs = case.as_transport_kwargs(base_url="http://target.invalid")
    return requests.Request(**{name: kwargs[name] for name in _REQUEST_PARTS if name in kwargs}).prepare()


def _as_schemathesis(case: Any, answer: Response | None) -> SchemaResponse:  # noqa: ANN401 - as above
    """The answer as its links expect it; no answer has a status that no link starts from."""
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers if answer else ():
        headers.setdefault(name.lower(), []).append(value)
    return SchemaResponse(
        status_code=answer.status if answer else NO_ANSWER,
        headers=headers,
        content=answer.body.encode("utf-8", "surrogatepass") if answer else b"",
        request=_prepared(case),
        elapsed=0.0,
        verify=True,
    )


NO_ANSWER = 599
_REQUEST_PARTS = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
