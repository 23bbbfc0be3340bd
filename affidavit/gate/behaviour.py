"""What a target did, folded from a record so that two runs can be laid side by side.

The unit is one way of asking: a scripted step, with the role, the operation and the shape of the request. Only what
both runs asked in the same way is compared; what one of them did not ask is "not asked", never "vanished". Invented
requests differ from seed to seed, so they say nothing here (the claims they break do, in `findings`). Nothing in the
fold depends on the order of the exchanges, on ids, on times or on the seed.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from affidavit.checks.case import http_date, moment
from affidavit.exchange import ABSENT, Delivery, Exchange, Request, Response
from affidavit.gate.findings import INVENTED
from affidavit.gate.limits import Searched
from affidavit.gate.places import WORD, general_path, is_name, kind, members, text_format
from affidavit.openapi_document import is_json
from affidavit.pointer import first, locate, tokens
from affidavit.profile import Profile

MOST_VALUES = 12
"""Different words at one place, beyond which it is no closed set."""
TRANSPORT = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "vary", "via", "age"}
)
"""Headers of the way, not of the API."""
WEBHOOK = "webhook"


@dataclass(frozen=True, order=True)
class Asked:
    """One way of asking, and the status it got."""

    step: str
    role: str
    operation: str
    shape: str
    """Digest of the request's form: names and types, no values."""
    status: int


@dataclass
class Place:
    """One place in the answers of one kind."""

    parents: int = 0
    """Objects that could have had it."""
    present: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """JSON types; a text is told by what it looks like."""
    values: frozenset[str] | None = frozenset()
    """Words seen; None when they are too many or no words."""

    def add(self, other: Place) -> None:
        """Put the other's evidence to this."""
        self.parents += other.parents
        self.present += other.present
        self.kinds.update(other.kinds)
        joined = None if self.values is None or other.values is None else self.values | other.values
        self.values = None if joined is None or len(joined) > MOST_VALUES else joined


@dataclass
class Answers:
    """All answers to one way of asking that had one status."""

    count: int = 0
    types: Counter[str] = field(default_factory=Counter)
    """Media types."""
    headers: Counter[str] = field(default_factory=Counter)
    """How many answers had each header, by lower-case name."""
    places: dict[str, Place] = field(default_factory=dict)
    """General pointer -> what stood there."""
    latest: int = 0
    """Sequence number of one of them, to show; 0 when read from a baseline."""

    def add(self, other: Answers) -> None:
        """Put the other's evidence to this."""
        self.count += other.count
        self.types.update(other.types)
        self.headers.update(other.headers)
        self.latest = max(self.latest, other.latest)
        for at, place in other.places.items():
            self.places.setdefault(at, Place()).add(place)


@dataclass(frozen=True)
class Behaviour:
    """What a target did in one run."""

    provider: str
    answers: Mapping[Asked, Answers]
    limits: Mapping[str, frozenset[int]]
    """Announced requests per window, by key role."""
    windows: Mapping[str, float]
    """Longest announced time to the end of a window, in seconds, by key role."""
    spans: Mapping[str, tuple[float, ...]]
    """Seconds between two states of a message, `field > field`, sorted."""
    searched: Searched = field(default_factory=dict)
    """What a search for limits found; a run is either such a search or has all the rest."""


def behaviour(profile: Profile, exchanges: Iterable[Exchange], deliveries: Iterable[Delivery] = ()) -> Behaviour:
    """Fold one run."""
    scripted = [one for one in exchanges if one.response and not INVENTED.match(one.source)]
    answers: dict[Asked, Answers] = defaultdict(Answers)
    for one in scripted:
        if one.response:
            answers[_asked(one, one.response)].add(_answers(one.seq, one.response))
    for delivery in deliveries:
        body = Response(200, delivery.request.headers, delivery.request.body or "")
        answers[Asked(WEBHOOK, "", WEBHOOK, "", 0)].add(_answers(delivery.seq, body))
    limits, windows = _announced(profile, scripted)
    return Behaviour(profile.provider, dict(answers), limits, windows, _spans(profile, scripted))


def _asked(one: Exchange, answer: Response) -> Asked:
    return Asked(one.source, one.role or "", one.operation or "", _shape(one.request, one.operation), answer.status)


def _shape(request: Request, operation: str | None) -> str:
    where = operation or f"{request.method} {general_path(request.path)}"
    headers = sorted({name.lower() for name, _ in request.headers})
    body = "" if request.body is None else "text"
    if request.json is not ABSENT:
        body = json.dumps(sorted({(at, kind(value)) for at, value in members(request.json)}))
    text = json.dumps([request.method, where, sorted({name for name, _ in request.query}), headers, body])
    return sha256(text.encode()).hexdigest()[:8]


def _answers(seq: int, response: Response) -> Answers:
    media = (response.header("Content-Type") or "none").split(";")[0].strip().lower()
    names = {name.lower() for name, _ in response.headers} - TRANSPORT
    places: dict[str, Place] = {}
    if response.json is not ABSENT:
        places = _places(response.json)
    elif is_json(media) and not response.truncated:
        places = {"": Place(1, 1, Counter({"no JSON": 1}), None)}
    return Answers(1, Counter({media: 1}), Counter(names), places, seq)


def _places(body: Any) -> dict[str, Place]:  # noqa: ANN401 - any JSON value
    found: dict[str, Place] = defaultdict(Place)
    owners: Counter[str] = Counter()
    for at, value in members(body):
        one = found[at]
        one.add(_place(value))
        if isinstance(value, dict):
            owners[at] += 1
    for at, one in found.items():
        one.parents = owners[at.rpartition("/")[0]] if at and is_name(tokens(at)[-1]) else one.present
    return dict(found)


def _place(value: Any) -> Place:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        word = WORD.fullmatch(value)
        return Place(0, 1, Counter({f"text: {text_format(value)}": 1}), frozenset({value}) if word else None)
    return Place(0, 1, Counter({kind(value): 1}))


def _announced(profile: Profile, exchanges: Iterable[Exchange]) -> tuple[dict[str, frozenset[int]], dict[str, float]]:
    limits: dict[str, set[int]] = defaultdict(set)
    windows: dict[str, float] = {}
    rule = profile.rate_limit
    for one in exchanges:
        if one.response is None or not one.role:
            continue
        limit, reset = (one.response.header(name or "") or "" for name in (rule.limit_header, rule.reset_header))
        if limit.strip().isdecimal():
            limits[one.role].add(int(limit))
        now = http_date(one.response.header("Date"))
        if reset.strip().isdecimal() and now is not None:
            windows[one.role] = max(windows.get(one.role, 0.0), int(reset) - now)
    return {role: frozenset(several) for role, several in limits.items()}, windows


def _spans(profile: Profile, exchanges: Iterable[Exchange]) -> dict[str, tuple[float, ...]]:
    """Time between the states of each message, as its latest answer tells."""
    messages = profile.messages
    latest: dict[str, Any] = {}
    for one in exchanges:
        pointer = messages.found_in.get(f"{one.operation}/{one.response.status if one.response else 0}")
        for _, message in locate(one.response.json, pointer) if pointer and one.response else ():
            latest[str(first(message, messages.id))] = message
    spans: dict[str, list[float]] = defaultdict(list)
    for message in latest.values():
        for name, seconds in _spans_of(message, list(messages.times)):
            spans[name].append(seconds)
    return {name: tuple(sorted(several)) for name, several in spans.items()}


def _spans_of(message: Any, fields: list[str]) -> Iterator[tuple[str, float]]:  # noqa: ANN401 - any JSON value
    told = [(name, moment(first(message, name))) for name in fields]
    reached = sorted((when, name) for name, when in told if when is not None)
    for (before, earlier), (after, later) in itertools.pairwise(reached):
        yield f"{earlier.strip('/')} > {later.strip('/')}", round(after - before, 3)
