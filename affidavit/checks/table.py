"""Every check there is: a name, its function, and the parameters a row of the ledger must and may give.

A new check is one function and one row here; the ledger then refers to it by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.checks import answers, fields, lifecycle, limits, lists, memory, relations, webhooks
from affidavit.checks.case import Case, named_steps, place
from affidavit.evidence import strange
from affidavit.finding import Judgement

REFUSAL, MOVE = "refusal", "move"
PLACES = frozenset({"left", "right", "before", "after", "message", "place", "as", "given", "address"})
STEPS = frozenset({"step", "covering", "other", "first", "again", "simulated", "seen"})
PATTERNS = frozenset({"matches", "pattern"})
STATES = frozenset({"reaches", "avoids", "timeline", "delivery_same", "delivery_attempts"})
"""Functions whose `status` is that of a message, not of an answer."""


@dataclass(frozen=True)
class Check:
    """One row of the table."""

    function: Callable[[Case], Judgement]
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()
    """At least one of these must be given."""
    words: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Parameter -> what it may be, where not everything makes sense."""
    seen_in: str = ""
    """What an answer must be to show anything of it: `refusal` for a 429, `move` for one that follows a message."""

    @property
    def hears(self) -> bool:
        """Whether it judges what the provider sends by itself, its webhooks."""
        return self.function.__module__ == webhooks.__name__

    @property
    def limits(self) -> bool:
        """Whether it judges rate limits, and so means the 429s."""
        return self.function.__module__ == limits.__name__

    @property
    def about(self) -> str:
        """What it decides: the first line of its function's docstring."""
        return (self.function.__doc__ or "").strip().splitlines()[0]

    def problem_with(self, params: Mapping[str, Any]) -> str:
        """What is wrong with a row's parameters, or ''."""
        missing, unknown = self.required - set(params), set(params) - self.required - self.optional - self.any_of
        if missing:
            return f"lacks {sorted(missing)}"
        if unknown:
            return f"has unknown {sorted(unknown)}; known are {sorted(self.required | self.optional | self.any_of)}"
        if self.any_of and not self.any_of & set(params):
            return f"needs one of {sorted(self.any_of)}"
        for name in PLACES & set(params):
            place(params[name])
        return next((problem for name, value in params.items() if (problem := self._problem_at(name, value))), "")

    @property
    def of_states(self) -> bool:
        """Whether its `status` is that of a message, not of an answer."""
        return self.function.__name__ in STATES

    def _problem_at(self, name: str, value: Any) -> str:  # noqa: ANN401 - any YAML value
        if name in self.words and value not in self.words[name]:
            return f"has {name} {value!r}; known are {sorted(self.words[name])}"
        if name == "status" and not self.of_states and (parts := strange(value)):
            return f"has status {parts}; use a status, a class such as 2xx, or either with not- before it"
        if name in PATTERNS:
            try:
                re.compile(value)
            except re.error as problem:
                return f"has {name} {value!r}, which is no regular expression: {problem}"
        return ""

    def steps(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Every step the parameters refer to."""
        return tuple(dict.fromkeys(step for group in self.alternatives(params) for step in group))

    def alternatives(self, params: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
        """The steps the parameters refer to, in groups of which one step each must have been answered."""
        named = [params[name] for name in sorted(STEPS & set(params))]
        found = [tuple(named_steps(steps)) for steps in named]
        found += [(place(params[name]).step,) for name in sorted(PLACES & set(params))]
        found += [(place(text).step,) for text in params.get("places", ())]
        where = params.get("where", {}).get("equals")
        if isinstance(where, str):
            found.append((place(where).step,))
        if "once" in params:
            found.append(tuple(named_steps(params["once"]["step"])))
        return tuple(found)


def _row(  # noqa: PLR0913, PLR0917 - the columns of the table
    function: Callable[[Case], Judgement],
    required: str = "",
    optional: str = "",
    any_of: str = "",
    words: Mapping[str, Collection[str]] | None = None,
    seen_in: str = "",
) -> Check:
    must, may, some = (frozenset(names.split()) for names in (required, optional, any_of))
    return Check(function, must, may, some, words or {}, seen_in)


CHECKS: Mapping[str, Check] = {
    # what an answer is
    "answers": _row(answers.answers, "step status", "any once"),
    "documented-status": _row(answers.documented_status, "operation"),
    "no-server-error": _row(answers.no_server_error, "operation"),
    "content-type": _row(answers.content_type, "", "is status", "operation step"),
    "header": _row(answers.header, "name", "present schema roles status optional", "operation step"),
    # what stands in a body
    "field": _row(fields.field, "operation status at", "schema required when"),
    "value": _row(fields.value, "step at", "once optional", "equals in matches schema is", {"is": fields.PRESENCE}),
    "shape": _row(fields.shape, "operation status"),
    "secret-free": _row(fields.secret_free, "operation", "except status"),
    "issued-key": _row(fields.issued_key, "operation status at pattern"),
    "error-status": _row(fields.error_status, "", "operation"),
    "error-path": _row(fields.error_path, "", "operation"),
    "error-time": _row(fields.error_time, "", "operation"),
    "details": _row(fields.details, "step names"),
    # one thing against another
    "same": _row(relations.same, "left right", "normal", words={"normal": relations.NORMAL}),
    "differ": _row(relations.differ, "", "normal at", "left right step", {"normal": relations.NORMAL}),
    "all-same": _row(relations.all_same, "", "normal at", "places step", {"normal": relations.NORMAL}),
    "grows": _row(relations.grows, "before after", "by at_least at_most given"),
    "sums": _row(relations.sums, "operation status total parts", "perhaps"),
    "ratio": _row(relations.ratio, "operation status value of over", "decimals"),
    "extremes": _row(relations.extremes, "operation status value of over"),
    "among": _row(relations.among, "places place"),
    "replayed": _row(relations.replayed, "first again"),
    "same-moment": _row(relations.same_moment, "left right within", "optional"),
    "unless-simulated": _row(
        relations.unless_simulated,
        "of step simulated",
        "status at equals in matches schema is count at_most",
        words={"of": relations.SIMULATED, "is": fields.PRESENCE},
    ),
    # lists
    "page": _row(lists.page, "operation rule", words={"rule": lists.PAGE_RULES}),
    "order": _row(lists.order, "operation at", "direction", words={"direction": ("asc", "desc")}),
    "distinct": _row(lists.distinct, "step", "gaps covering"),
    "filtered": _row(lists.filtered, "operation parameter at", "step as normal", words={"normal": ("digits",)}),
    "items": _row(lists.items, "step where", "optional unless_empty once", "count at_least none at_most"),
    "finds": _row(lists.finds, "first again at equals"),
    "subset": _row(lists.subset, "first again"),
    "same-items": _row(lists.same_items, "first again"),
    "item-count": _row(lists.item_count, "step", "first", "count at_most"),
    # how a message moves
    "ordered-times": _row(lifecycle.ordered_times, "operation status at", "in tolerance when"),
    "spans": _row(lifecycle.spans, "operation status at within", "when"),
    "times-agree": _row(lifecycle.times_agree, "field", seen_in=MOVE),
    "transitions": _row(lifecycle.transitions, "", "only_from", seen_in=MOVE),
    "avoids": _row(lifecycle.avoids, "step status"),
    "reaches": _row(lifecycle.reaches, "step status", "firm"),
    "timeline": _row(
        lifecycle.timeline, "operation at rule", "status in field except", words={"rule": lifecycle.TIMELINE_RULES}
    ),
    # one answer about a thing against others
    "as-sent": _row(
        memory.as_sent, "operation at shows", "id matches except normal", words={"normal": relations.NORMAL}
    ),
    "steady": _row(memory.steady, "operation at", "in id set tolerance normal", words={"normal": relations.NORMAL}),
    "history": _row(memory.history, "operation at"),
    "nowhere": _row(memory.nowhere, "operation at shows", "matches"),
    "apart": _row(memory.apart, "operation roles"),
    "complete": _row(
        memory.complete, "operation parameter at", "step as normal lasting", words={"normal": ("digits",)}
    ),
    # rate limits
    "remaining-falls": _row(limits.remaining_falls),
    "reset-ahead": _row(limits.reset_ahead),
    "limit-is": _row(limits.limit_is, "role requests"),
    "limited": _row(limits.limited, "step", "requests set_by_control"),
    "retry-after": _row(limits.retry_after, "rule", "step", words={"rule": limits.WAIT_RULES}, seen_in=REFUSAL),
    "own-budget": _row(limits.own_budget, "step other"),
    "limit-met": _row(limits.limit_met, "step requests", "at equals"),
    "one-limit": _row(limits.one_limit, "", "except"),
    "limit-by-plan": _row(limits.limit_by_plan, "operation at limits"),
    # outgoing webhooks
    "deliveries": _row(webhooks.deliveries, "message", "each at_least if_any seen address", "statuses none some_of"),
    "delivery-field": _row(webhooks.delivery_field, "at", "schema required webhook alone"),
    "delivery-request": _row(webhooks.delivery_request, "", "", "method content-type"),
    "delivery-same": _row(webhooks.delivery_same, "message at place", "status"),
    "delivery-time": _row(webhooks.delivery_time, "at within", "optional"),
    "delivery-retries": _row(webhooks.delivery_retries, "within"),
    "delivery-attempts": _row(webhooks.delivery_attempts, "message status attempts"),
}
