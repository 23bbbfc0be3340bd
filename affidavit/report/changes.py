"""`changes.md`: what is broken and what changed, in plain words, to send to the provider.

It shows no key, phone number or e-mail address: keys are placeholders already, and what looks like one is hidden. What
the provider sent stands in code blocks only, cut short.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from affidavit.evidence import Evidence
from affidavit.exchange import Exchange
from affidavit.gate.assessment import Assessment, Judged
from affidavit.gate.difference import Axis, Difference, Severity
from affidavit.redaction import for_others
from affidavit.report.text import as_line

MOST_BODY = 600
MOST_WAYS = 3
"""Examples of one broken claim."""
_SPECIAL = re.compile(r"([\\`*\[\]<>|~]|(?<!\w)_|_(?!\w))")
_TRACE = re.compile(r"(?i)(request|trace|correlation)-?id")


def changes(judged: Judged, assessment: Assessment, against: str) -> str:
    """The page, as Markdown."""
    decision, profile = assessment.decision, judged.catalog.profile
    failing = [*decision.failing, *(one for one, _ in decision.expired)]
    broken = [one for one in failing if one.identity.axis == Axis.CLAIM]
    behaviour = [one for one in failing if one.identity.axis != Axis.CLAIM]
    harmless = [one for one in decision.new if one.severity == Severity.COMPATIBLE]
    counts = _counts(broken, behaviour, harmless) if tells(assessment) else "Nothing changed."
    lines = [
        f"# {profile.title}: what changed",
        "",
        f"Asked: {plain(judged.target)}. Compared with: {plain(against)}. {counts}",
        "",
    ]
    lines += _section("What the documents promise, and the API does not keep", broken, judged.evidence)
    lines += _section("What the API does otherwise than before", behaviour, judged.evidence)
    lines += _short("Decided before, and not in this run", [one.says for one in decision.lost if one not in failing])
    lines += _short("New, and harmless", [one.says for one in harmless])
    lines += _short("Works again", [one.says for one in decision.fixed] + [one.says for one, _ in decision.stale])
    return "\n".join(lines).rstrip() + "\n"


def tells(assessment: Assessment) -> bool:
    """Whether the page has anything to tell."""
    decision = assessment.decision
    harmless = any(one.severity == Severity.COMPATIBLE for one in decision.new)
    return bool(decision.closed or decision.fixed or decision.lost or harmless)


def _counts(broken: list[Difference], behaviour: list[Difference], harmless: list[Difference]) -> str:
    claims = len({one.identity.subject for one in broken})
    return f"{claims} promises broken, {len(behaviour)} other changes, {len(harmless)} harmless ones."


def _section(title: str, differences: Iterable[Difference], evidence: Evidence) -> Iterator[str]:
    """One heading per broken claim, and per change; of a claim that is broken in many ways some."""
    groups: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for one in differences:
        groups[one.identity.subject if one.identity.axis == Axis.CLAIM else one.id, one.says].append(one)
    if groups:
        yield from (f"## {title}", "")
    for number, ((_, says), several) in enumerate(groups.items(), 1):
        yield from (f"### {number}. {plain(says)}", "")
        if several[0].where:
            yield from (f"Document: {plain(several[0].where)}", "")
        for one in several[:MOST_WAYS]:
            yield from _way(one, evidence)
        if len(several) > MOST_WAYS:
            yield from (f"And {len(several) - MOST_WAYS} more ways.", "")
        yield from (f"For `affidavit accept`: {' '.join(one.id for one in several)}", "")


def _way(one: Difference, evidence: Evidence) -> Iterator[str]:
    promise = one.identity.axis == Axis.CLAIM
    yield f"- {'Promised' if promise else 'Before'}: {plain(one.before)}"
    yield f"- {'Got' if promise else 'Now'}: {plain(one.after)}"
    if promise and one.identity.at:
        yield f"- Where in the answer: {plain(one.identity.at)}"
    for exchange in evidence.at([one.exchange]):
        yield from _exchange(exchange)
    yield ""


def _exchange(exchange: Exchange) -> Iterator[str]:
    yield f"- Time: {datetime.fromtimestamp(exchange.at, UTC).isoformat(timespec='milliseconds')}"
    request, response = exchange.request, exchange.response
    target = request.path + (
        "?" + "&".join(f"{name}={value}" for name, value in request.query) if request.query else ""
    )
    lines = [f"{request.method} {target}", *([_cut(request.body)] if request.body else [])]
    if response:
        traces = [f"{name}: {value}" for name, value in response.headers if _TRACE.search(name)]
        lines += ["", f"{response.status}", *traces, *([_cut(response.body)] if response.body else [])]
    else:
        lines += ["", f"no answer: {exchange.error}"]
    yield from ("", *fenced(lines))


def fenced(lines: list[str], *, hide: bool = True) -> Iterator[str]:
    """A code block that nothing in the lines can end; long numbers are hidden unless nobody has them."""
    text = "\n".join(as_line(part) for line in lines for part in line.split("\n"))
    text = for_others(text) if hide else text
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}text", text, fence)


def _short(title: str, sentences: list[str]) -> Iterator[str]:
    if sentences:
        yield from (f"## {title}", "", *(f"- {plain(one)}" for one in dict.fromkeys(sentences)), "")


def _cut(body: str) -> str:
    return body if len(body) <= MOST_BODY else f"{body[:MOST_BODY]}… ({len(body)} characters)"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, without long numbers."""
    return _SPECIAL.sub(r"\\\1", for_others(as_line(text)))
