"""Why claims stayed undecided, put together by what would decide them.

A reason is a sentence of the planner, the session or a check; there are dozens, and a reader wants to know what to do.
Each row of `REMEDIES` recognises the sentences that one and the same step would do away with.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from affidavit.catalog import Catalog

MOST_NAMED = 12
MOST_SEEN = 3


@dataclass(frozen=True)
class Remedy:
    """Reasons that one step would do away with."""

    pattern: re.Pattern[str]
    """Its group, if it has one, is what to name: a key role, a risk."""
    needs: str
    """What the claims need, in words; what was named comes behind it."""
    do: str
    """What to do about it; `{provider}` is the provider's name."""


@dataclass(frozen=True)
class Group:
    """Some undecided claims, and what would decide them."""

    count: int
    text: str
    do: str = ""


REMEDIES = (
    Remedy(
        re.compile(r"needs the key role `(\w+)`"),
        "need another key",
        "give it a line under [{provider}.keys] in the keys file",
    ),
    Remedy(re.compile(r".*allow it with --allow ([\w-]+)"), "need leave for a risk", "name it with --allow"),
    Remedy(
        re.compile(r".*the recipient is not a reserved number.*"),
        "need a recipient of yours",
        "name your number with --recipient",
    ),
    Remedy(
        re.compile(r"needs up to \d+ requests, more than .*|needs more requests than .*|the budget of \d+ .*"),
        "need more requests",
        "raise --budget, or leave it out",
    ),
    Remedy(
        re.compile(r"needs a webhook receiver.*|no webhook delivery was received"),
        "need a webhook receiver",
        "see --receiver",
    ),
    Remedy(
        re.compile(r"needs .*, which only the sandbox has"),
        "need what only the embedded sandbox has",
        "leave out the target and the keys",
    ),
)


def grouped(catalog: Catalog, undecided: Mapping[str, str]) -> list[Group]:
    """Claim -> reason, as groups: what the reader can change, what the target did not show, what no run can decide."""
    named: dict[Remedy, list[str]] = defaultdict(list)
    unseen: list[str] = []
    hopeless: list[bool] = []
    for claim_id, reason in undecided.items():
        claim = catalog.claims[claim_id]
        remedy = next((one for one in REMEDIES if one.pattern.fullmatch(reason)), None)
        if not claim.decided_by:
            hopeless.append(bool(claim.by_hand))
        elif remedy is None:
            unseen.append(reason)
        else:
            found = remedy.pattern.fullmatch(reason)
            named[remedy].append(found[1] if found and remedy.pattern.groups else "")
    groups = [
        Group(len(names), remedy.needs + _listed(names, MOST_NAMED), remedy.do.format(provider=catalog.provider))
        for remedy, names in sorted(named.items(), key=lambda pair: -len(pair[1]))
    ]
    if unseen:
        groups.append(Group(len(unseen), "got no evidence" + _listed(unseen, MOST_SEEN)))
    if hopeless:
        by_hand = sum(hopeless)
        rest = len(hopeless) - by_hand
        groups.append(
            Group(len(hopeless), f"no run can decide: {by_hand} only a person can, {rest} the documents leave open")
        )
    return groups


def remedy_for(provider: str, reason: str) -> str:
    """What would decide a claim that stayed undecided for this reason; '' when nobody knows."""
    return next((one.do.format(provider=provider) for one in REMEDIES if one.pattern.fullmatch(reason)), "")


def _listed(names: Iterable[str], most: int) -> str:
    """`: this 3, that 1`, the most frequent first; '' when there is nothing to name."""
    counts = Counter(name for name in names if name)
    shown = [f"{name} ({count})" for name, count in counts.most_common(most)]
    rest = sum(counts.values()) - sum(count for _, count in counts.most_common(most))
    return (": " + ", ".join([*shown, *([f"others ({rest})"] if rest else [])])) if shown else ""
