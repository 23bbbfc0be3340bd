"""Schemathesis through our one way out: it invents requests from the document, our client sends and records them.

    explore   one operation: valid and invalid requests
    walk      many operations: a send, then what its answer leads to, along the links of the document

Nothing of schemathesis judges here. Its cases become `Send`s like any probe's, and the checks of the ledger look at
the exchanges later, so a property test obeys the same safety, budget and pacing as everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from json import dumps, loads
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky, Unsatisfiable
from schemathesis import GenerationMode
from schemathesis import Response as SchemaResponse
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput

from affidavit.errors import AffidavitError
from affidavit.exchange import ABSENT, Response
from affidavit.known import Known
from affidavit.openapi_document import OpenApiDocument, Operation
from affidavit.pointer import first, put
from affidavit.probes.flow import Send
from affidavit.profile import MAIN
from affidavit.safety import FREE_RISKS, SACRIFICIAL

OWN_HEADERS = frozenset({"user-agent", "content-length", "authorization", "x-schemathesis-testcaseid", "connection"})
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
UNKNOWN_ONE_IN = 4
"""Of so many valid requests one keeps its invented ids: what does not exist has its promises too."""
WALK_STEPS = 12
"""Requests of one walk at most."""
TRIES = 5
"""So often walking starts anew: links that lead nowhere cost no request, and Hypothesis gives up when two walks that
begin alike are answered differently."""


@dataclass
class Properties:
    """Property tests of one provider, and the walk over its links."""

    path: Path
    document: OpenApiDocument
    keys: dict[str, str]
    seed: int
    send: Callable[[Send], Any]
    """The one way out; one answer per request."""
    known: Known
    """What exists, to be put in the place of what was invented."""
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
        role = self.known.role(operation, role)
        sent: set[Send] = set()
        turns = count()

        def ask(case: Any) -> None:  # noqa: ANN401 - schemathesis types its cases loosely
            if case.meta.generation.mode is GenerationMode.POSITIVE:
                self._acquaint(case, operation, role, next(turns))
            request = self._request(case, operation, role, "property")
            if request not in sent:
                sent.add(request)
                self._ask(request)

        for mode in MODES:
            with suppress(Unsatisfiable):  # some operations cannot be asked wrongly
                self._each(target.as_strategy(generation_mode=mode), examples, ask)
            self._raise_stopped()

    def _each(self, strategy: Any, examples: int, do: Callable[[Any], None]) -> None:  # noqa: ANN401 - as above
        @seed(self.seed)
        @_settings(examples)
        @given(case=strategy)
        def one(case: Any) -> None:  # noqa: ANN401 - as above
            do(case)

        one()

    def walk(self, most: int) -> None:
        """Follow the document's links, `most` requests at most: what one answer gives, the next request uses."""
        places = {operation.id: (operation, role) for operation, role in self.operations()}
        asked = 0

        def step(step: StepInput) -> StepOutput | None:
            nonlocal asked
            if asked >= most or self._stopped or not (step.transition is None or step.is_applied):
                return None
            operation, role = places[step.case.operation.definition.raw["operationId"]]
            if step.transition is None:
                self._acquaint(step.case, operation, role, asked)
            asked += 1
            answer = self._ask(self._request(step.case, operation, role, "stateful"))
            return StepOutput(_as_schemathesis(step.case, answer), step.case) if answer else None

        machine = _machine(self._schema().include(operation_id=list(places)), step)
        for attempt in range(TRIES):
            if asked < most and not self._stopped:
                seed(self.seed + attempt)(machine)
                machine.rule_order_seed = self.seed + attempt
                walks = _settings(ceil((most - asked) / WALK_STEPS))
                with suppress(Flaky, Unsatisfiable):
                    machine.run(settings=settings(walks, stateful_step_count=WALK_STEPS))
        self._raise_stopped()

    def _schema(self) -> Any:  # noqa: ANN401 - schemathesis types its schemas loosely
        return schemathesis.openapi.from_path(self.path)

    def _acquaint(self, case: Any, operation: Operation, role: str, turn: int) -> None:  # noqa: ANN401 - as above
        """Put values that exist where the case has invented ones, in most turns."""
        if turn % UNKNOWN_ONE_IN == UNKNOWN_ONE_IN - 1:
            return
        for place, found in self.known.values(operation.id, role).items():
            value = found[turn % len(found)]
            if place.part == "body":
                if isinstance(case.body, dict | list) and first(case.body, place.name) is not ABSENT:
                    case.body = put(case.body, place.name, value)
                continue
            values = case.path_parameters if place.part == "path" else case.query
            if place.name in (values or {}):
                values[place.name] = value

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


def _machine(schema: Any, step: Callable[[StepInput], StepOutput | None]) -> Any:  # noqa: ANN401 - as above
    """Schemathesis's machine over the links that the document itself has, with `step` to go one of them."""
    schema.config.phases.stateful.inference.algorithms = []
    schema.config.generation.modes = [GenerationMode.POSITIVE]
    machine = schema.as_state_machine()
    machine.step = lambda _, input: step(input)  # noqa: A006 - called by this name
    return machine


def _as_schemathesis(case: Any, answer: Response) -> SchemaResponse:  # noqa: ANN401 - as above
    """The raw answer in the form that links are read from."""
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(name.lower(), []).append(value)
    content = answer.body.encode("utf-8", "surrogatepass")
    return SchemaResponse(answer.status, headers, content, _prepared(case), elapsed=0.0, verify=True)


_REQUEST_PARTS = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
