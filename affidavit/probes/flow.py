"""Play a probe: a generator that asks for one thing at a time and is told what came.

It decides what to say next and what to remember from the answers. It must not know how a request travels, what time
it is, or what the answers prove: a shell sends, waits and records; checks judge later, from the record.

    play(probe, scope)  ─ Send ──────►  shell sends, paced and recorded   ─ Replies ─►
                        ─ Pause ─────►  shell lets time pass              ─ None ────►
                        ─ Steer ─────►  shell asks the sandbox            ─ error text or None ─►
                        ─ Answerer ──►  shell programs the receiver       ─ None ────►
                        ─ Skip ──────►  shell notes why a step was not asked

What is inelegant: `Replies` carries raw answers, because a later step may need a secret that the record must not hold.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Any
from urllib.parse import quote

from affidavit.exchange import ABSENT, Response
from affidavit.pointer import first, locate
from affidavit.probes.script import Call, Control, Probe, Program, Repeat, Wait, Walk
from affidavit.template import Scope, UnboundError, as_text, fill


@dataclass(frozen=True)
class Send:
    """Send this request `times` times at once."""

    source: str
    operation: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: str | None
    role: str | None
    paced: bool = True
    times: int = 1


@dataclass(frozen=True)
class Pause:
    """Let `seconds` pass on the run's clock."""

    seconds: float
    virtual: bool = False
    """Whether only on a virtual clock."""


@dataclass(frozen=True)
class Steer:
    """Ask the sandbox's control plane for `action`."""

    action: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Answerer:
    """Program the webhook receiver."""

    answers: tuple[int | str, ...]


@dataclass(frozen=True)
class Skip:
    """A step that cannot be asked, and why."""

    source: str
    reason: str


Ask = Send | Pause | Steer | Answerer | Skip


@dataclass(frozen=True)
class Refused:
    """A request that never left, and why; it stands in the place of an answer."""

    reason: str


Reply = Sequence[Response | Refused | None]
"""One entry per request sent: the raw answer, why it was refused, or None for a transport error."""

Play = Generator[Ask, Any, None]


@dataclass(frozen=True)
class Routes:
    """Where operations live: operationId -> (method, path template), and which of them take no key."""

    places: Mapping[str, tuple[str, str]]
    keyless: frozenset[str]


def play(probe: Probe, scope: Scope, routes: Routes) -> Play:
    """The whole conversation of one probe. Saved values land in `scope.variables`."""
    for at, step in enumerate(probe.steps):
        if isinstance(step, Call):
            yield from _call(f"{probe.id}/{step.id}", step, scope, routes)
        elif isinstance(step, Wait):
            yield Pause(step.seconds, step.virtual)
        elif isinstance(step, Program):
            yield Answerer(step.answers)
        elif isinstance(step, Control):
            refused = yield from _control(step, scope)
            if refused:
                yield from _without(probe, at, step.action, refused)
                return


def _control(step: Control, scope: Scope) -> Generator[Ask, Any, str]:
    """Why it could not be done, or ''."""
    try:
        arguments = fill(step.arguments, scope)
    except UnboundError as unbound:
        return _needs(unbound)
    refused: str | None = yield Steer(step.action, arguments)
    return refused or ""


def _without(probe: Probe, at: int, action: str, reason: str) -> Play:
    """What comes after a control that could not be done would show something else than it is meant to."""
    yield Skip(f"{probe.id}/{action}", reason)
    for step in probe.steps[at:]:
        if isinstance(step, Call):
            yield Skip(f"{probe.id}/{step.id}", f"needs {action}, but {reason}")


def _call(source: str, call: Call, scope: Scope, routes: Routes) -> Play:
    for name in call.save:
        scope.variables.pop(name, None)
    if call.role != "none" and call.role not in scope.keys:
        yield Skip(source, _needs_role(call.role))
        return
    for row in call.each or ({},):
        try:
            local = scope.binding(**{name: fill(value, scope) for name, value in row.items()})
        except UnboundError as unbound:
            yield Skip(source, _needs(unbound))
            return
        if call.walk:
            yield from _walk(source, call, call.walk, local, routes)
        else:
            yield from _repeat(source, call, call.repeat or Repeat(1), local, routes)


def _repeat(source: str, call: Call, repeat: Repeat, scope: Scope, routes: Routes) -> Play:
    for turn in range(repeat.times):
        if turn and repeat.every:
            yield Pause(repeat.pause(turn))
        try:
            send = _request(source, call, scope, routes, paced=not repeat.unpaced)
        except UnboundError as unbound:
            yield Skip(source, _needs(unbound))
            return
        replies: Reply = yield send
        if not _usable(replies):
            return
        _save(call, replies[-1], scope)
        if repeat.until and _reached(repeat, replies[-1]):
            return


def _walk(source: str, call: Call, walk: Walk, scope: Scope, routes: Routes) -> Play:
    for page in range(1, walk.pages + 1):
        try:
            send = _request(source, call, scope, routes, extra=((walk.parameter, str(page)),))
        except UnboundError as unbound:
            yield Skip(source, _needs(unbound))
            return
        replies: Reply = yield send
        answer = replies[-1] if replies else None
        if not isinstance(answer, Response) or answer.status not in call.expect or not _items(answer.json):
            return
        _save(call, answer, scope)


def _usable(replies: Reply) -> bool:
    return bool(replies) and not any(isinstance(reply, Refused) for reply in replies)


def _needs(unbound: UnboundError) -> str:
    if unbound.name.startswith("key:"):
        return _needs_role(unbound.name.removeprefix("key:"))
    return f"needs `{unbound.name}`, which no earlier answer gave"


def _needs_role(role: str) -> str:
    return f"needs the key role `{role}`"


def _reached(repeat: Repeat, answer: Response | Refused | None) -> bool:
    until = repeat.until
    if until is None or not isinstance(answer, Response):
        return False
    if until.status is not None:
        return answer.status == until.status
    return first(answer.json, until.at or "") in until.accepted


def _save(call: Call, answer: Response | Refused | None, scope: Scope) -> None:
    if not isinstance(answer, Response) or answer.status not in call.expect:
        return
    for name, place in call.save.items():
        value = _saved(answer, place)
        if value is not ABSENT and value is not None:
            scope.variables[name] = value


def _saved(answer: Response, place: str) -> Any:  # noqa: ANN401 - any JSON value
    kind, _, rest = place.partition(" ")
    if kind == "header":
        value = answer.header(rest)
        return ABSENT if value is None else value
    return first(_items(answer.json), rest) if kind == "items" else first(answer.json, place)


def _items(body: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    """The longest array of objects anywhere near the top: a page's items, wherever a provider puts them."""
    shallow = ("", "/*", "/*/*")
    found = [value for pointer in shallow for _, value in locate(body, pointer) if isinstance(value, list)]
    return max((items for items in found if any(isinstance(item, dict) for item in items)), key=len, default=[])


def _request(  # noqa: PLR0913 - a step and where it stands
    source: str,
    call: Call,
    scope: Scope,
    routes: Routes,
    *,
    extra: tuple[tuple[str, str], ...] = (),
    paced: bool = True,
) -> Send:
    method, template = routes.places[call.operation]
    headers = [(name, as_text(fill(value, scope))) for name, value in call.headers.items()]
    authorization, role = _authorization(call, scope, routes)
    if authorization is not None:
        headers.insert(0, ("Authorization", authorization))
    body = _body(call, scope)
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return Send(
        source=source,
        operation=call.operation,
        method=method,
        path=as_text(fill(call.raw_path, scope)) if call.raw_path else _path(template, fill(call.path, scope)),
        query=tuple(_pairs(fill(call.query, scope))) + extra,
        headers=tuple(headers),
        body=body,
        role=role,
        paced=paced,
        times=call.together,
    )


def _authorization(call: Call, scope: Scope, routes: Routes) -> tuple[str | None, str | None]:
    key = scope.keys.get(call.role)
    if call.authorization is not None:
        return as_text(fill(call.authorization, scope.binding(key=key or ""))), None
    if call.role == "none" or call.operation in routes.keyless:
        return None, None
    return f"Bearer {key}", call.role


def _body(call: Call, scope: Scope) -> str | None:
    if call.raw_body is not None:
        return as_text(fill(call.raw_body, scope))
    return dumps(fill(call.body, scope), ensure_ascii=False) if call.has_body else None


def _path(template: str, values: Mapping[str, Any]) -> str:
    for name, value in values.items():
        template = template.replace("{" + name + "}", quote(as_text(value), safe=""))
    return template


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for name, value in query.items():
        pairs += [(name, as_text(one)) for one in (value if isinstance(value, list) else [value])]
    return pairs
