"""Checks of list operations: paging arithmetic, order, filters, and what a page holds.

Where a provider keeps items and page numbers comes from its profile. A list whose shape is undocumented is searched
for its array of objects (`items = "infer"`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from affidavit.checks.case import ABSENT, Answered, Case, equal, judgement, moment, number, place, shown, undecided
from affidavit.finding import Finding, Judgement
from affidavit.pointer import first, locate
from affidavit.profile import Listing

DOCUMENTED_OK, REFUSED = 200, 400


def page(case: Case) -> Judgement:
    """One rule of paging over every answer of the list operation."""
    listing = case.profile.listings[case.param("operation")]
    rule = PAGE_RULES[case.param("rule")]
    judged: list[Answered] = []
    findings: list[Finding] = []
    statuses = [DOCUMENTED_OK, REFUSED] if rule is _max_limit else DOCUMENTED_OK
    for one in case.evidence.of(case.param("operation"), statuses):
        answer = rule(listing, one)
        if answer is not None:
            judged.append(one)
            findings += [case.finding(expected, got, one, pointer) for expected, got, pointer in answer]
    return judgement(judged, findings, "no answer of this operation could show it")


def order(case: Case) -> Judgement:
    """Items are sorted by a field, within each page and from one page of a walk to the next."""
    operation = case.param("operation")
    listing = case.profile.listings[operation]
    falling = case.param("direction", "desc") == "desc"
    judged: list[Answered] = []
    findings: list[Finding] = []
    previous: tuple[Answered, float] | None = None
    for one in case.evidence.of(operation, DOCUMENTED_OK):
        moments = [_sortable(first(item, case.param("at"))) for item in items_of(listing, one)]
        keys = [key for key in moments if key is not None]
        continues = previous is not None and _next_page(listing, previous[0], one)
        if len(keys) > 1 or (continues and keys):
            judged.append(one)
        start = [previous[1]] if continues and previous else []
        for before, after in zip(start + keys, (start + keys)[1:], strict=False):
            if (after > before) if falling else (after < before):
                proof = [previous[0], one] if continues and previous else [one]
                direction = "newest first" if falling else "oldest first"
                findings.append(case.finding(direction, f"{after:.3f} after {before:.3f} (epoch seconds)", proof))
                break
        previous = (one, keys[-1]) if keys else None
    return judgement(judged, findings, "no page with two items was seen")


def distinct(case: Case) -> Judgement:
    """Over a walk through the pages no item comes twice and, unless `gaps` is false, none is missing."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    for step in case.steps():
        listing = case.profile.listings[case.call(step).operation]
        pages = [one for one in case.good(step) if readable(listing, one)]
        shifting = len({shown(_total(listing, one)) for one in pages}) > 1  # others are sending during the walk
        seen: dict[Any, Answered] = {}
        for one in pages:
            judged += [] if shifting else [one]
            for item in items_of(listing, one):
                key = shown(first(item, listing.id))
                if key in seen and not shifting:
                    findings.append(case.finding("each item once over all pages", f"{key} twice", [seen[key], one]))
                seen[key] = one
        findings += _uncovered(case, listing, pages, seen)
        if case.param("gaps", True):
            findings += _gaps(case, listing, pages, len(seen))
            findings += _surplus(case, listing, pages, len(seen))
    return judgement(judged, findings, case.why(*case.steps()))


def filtered(case: Case) -> Judgement:
    """Every item of a filtered list has the value the filter asked for."""
    operation, parameter = case.param("operation"), case.param("parameter")
    listing = case.profile.listings[operation]
    judged: list[Answered] = []
    findings: list[Finding] = []
    chosen = (
        [one for step in case.steps() for one in case.good(step)]
        if case.steps()
        else case.evidence.of(operation, DOCUMENTED_OK)
    )
    for one in chosen:
        asked = [value for name, value in one.exchange.request.query if name == parameter]
        if len(asked) != 1:
            continue
        wanted = reference(case, asked[0])
        found = items_of(listing, one)
        if wanted is ABSENT or not found:
            continue
        judged.append(one)
        for item in found:
            got = first(item, case.param("at"))
            if got is not ABSENT and not equal(_plain(case, got), _plain(case, wanted)):
                findings.append(case.finding(f"only items with {case.param('at')} {shown(wanted)}", shown(got), one))
                break
    return judgement(judged, findings, "no filtered list with an item was seen")


def items(case: Case) -> Judgement:
    """How many items of a step's list match; with `once`, only if another step ended as that says."""
    where = case.param("where")
    if missed := case.missed_condition():
        return undecided(missed)
    wanted = where["equals"]["literal"] if isinstance(where["equals"], dict) else _read(case, where["equals"])
    if wanted is ABSENT:
        return undecided(case.why(place(where["equals"]).step))
    judged: list[Answered] = []
    count, cut = 0, False
    for step in case.steps():
        listing = case.profile.listings[case.call(step).operation]
        for one in case.good(step):
            shown_there = [first(item, where["at"]) for item in items_of(listing, one)]
            if case.param("optional"):
                shown_there = [got for got in shown_there if got is not ABSENT]
            if not readable(listing, one) or ABSENT in shown_there:
                continue
            if (case.param("unless_empty") or case.param("optional")) and not shown_there:
                continue
            judged.append(one)
            count += sum(equal(got, wanted) for got in shown_there)
            cut |= _cut(listing, one, len(shown_there))
    expected, fine = _count_rule(case, count)
    if cut and not fine and _count_rule(case, sys.maxsize)[1]:
        return undecided(f"a page of {case.steps()[0]} shows only part of its list")
    what = f"{expected} with {where['at']} {shown(wanted)}"
    findings = [case.finding(what, f"{count}", judged)] if judged and not fine else []
    return judgement(judged, findings, case.why(*case.steps()))


def _cut(listing: Listing, one: Answered, items: int) -> bool:
    """Whether a full page leaves more for the next."""
    asked = _parameter(one, listing.limit_parameter) or listing.default_limit
    return asked is not None and items >= asked and (number(_total(listing, one)) or 0) > items


def same_items(case: Case) -> Judgement:
    """Two lists show the same items in the same order."""
    steps = (case.param("first"), case.param("again"))
    pairs = [(case.call(step), case.good(step)) for step in steps]
    if not all(answers for _, answers in pairs):
        return undecided(case.why(*steps))
    (one, ids), (other, others) = (
        (answers[-1], [first(item, listing.id) for item in items_of(listing, answers[-1])])
        for call, answers in pairs
        for listing in [case.profile.listings[call.operation]]
    )
    findings = [] if equal(ids, others) else [case.finding(f"items {shown(ids)}", shown(others), [one, other])]
    return judgement([one, other], findings, "")


def subset(case: Case) -> Judgement:
    """A list that is narrowed further shows nothing that the wider one did not."""
    whole, part = (case.good(case.param(name))[-1:] for name in ("first", "again"))
    if not whole or not part:
        return undecided(case.why(case.param("first"), case.param("again")))
    listing = case.profile.listings[case.call(case.param("first")).operation]
    wide, narrow = ({str(first(item, listing.id)) for item in items_of(listing, one)} for one in (*whole, *part))
    strange = sorted(narrow - wide)
    findings = [case.finding("items of the wider list only", shown(strange), [*whole, *part])] if strange else []
    return judgement([*whole, *part], findings, "")


def finds(case: Case) -> Judgement:
    """A filtered list shows every item of the whole that matches."""
    whole, part = (case.good(case.param(name))[-1:] for name in ("first", "again"))
    if not whole or not part:
        return undecided(case.why(case.param("first"), case.param("again")))
    listing = case.profile.listings[case.call(case.param("first")).operation]
    fitting = [
        item for item in items_of(listing, whole[0]) if equal(first(item, case.param("at")), case.param("equals"))
    ]
    if not fitting:
        return undecided(f"no item of `{case.param('first')}` has {case.param('at')} {shown(case.param('equals'))}")
    wanted, got = ({str(first(item, listing.id)) for item in one} for one in (fitting, items_of(listing, part[0])))
    findings = [] if wanted <= got else [case.finding(shown(sorted(wanted)), shown(sorted(got)), [*whole, *part])]
    return judgement([*whole, *part], findings, "")


def item_count(case: Case) -> Judgement:
    """How many items each list answer of the steps holds; when it follows others, only if all of those went well."""
    before = case.steps("first")
    if not all(case.good(step) for step in before):
        return undecided(case.why(*before))
    judged: list[Answered] = []
    findings: list[Finding] = []
    for step in case.steps():
        listing = case.profile.listings[case.call(step).operation]
        for one in case.good(step):
            if not _has_array(one):
                continue
            judged.append(one)
            count, most = len(items_of(listing, one)), case.param("at_most")
            fine = count <= most if most is not None else count == case.param("count")
            expected = f"at most {most} items" if most is not None else f"{case.param('count')} items"
            if not fine:
                findings.append(case.finding(expected, f"{count} items", one))
    return judgement(judged, findings, case.why(*case.steps()))


def readable(listing: Listing, one: Answered) -> bool:
    """Whether the list stands where it is documented; if not, it is not known what it holds."""
    if listing.items == "infer":
        return _has_array(one)
    return isinstance(first(one.response.json, listing.items), list)


def _plain(case: Case, value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = str(value)
    return re.sub(r"\D", "", text) if case.param("normal") == "digits" else text


def _has_array(one: Answered) -> bool:
    """Whether the body holds a list of items, or only empty arrays: then there are none."""
    arrays = [
        value for at in ("", "/*", "/*/*") for _, value in locate(one.response.json, at) if isinstance(value, list)
    ]
    return bool(arrays)


def items_of(listing: Listing, one: Answered) -> list[Any]:
    """The items of a list answer."""
    body = one.response.json
    if listing.items != "infer":
        found = first(body, listing.items)
        return found if isinstance(found, list) else []
    arrays = [body] if isinstance(body, list) else []
    for pointer in ("/*", "/*/*"):
        arrays += [value for _, value in locate(body, pointer) if isinstance(value, list)]
    fitting = [
        array
        for array in arrays
        if array and all(isinstance(i, dict) and first(i, listing.id) is not ABSENT for i in array)
    ]
    return fitting[0] if fitting else []


Answer = list[tuple[str, str, str]] | None
"""What a rule says of one list answer: nothing to judge (None), or (expected, got, pointer) for each break."""


def _parameter(one: Answered, name: str | None) -> int | None:
    """The query parameter as an integer when it was sent exactly once and is one."""
    sent = [value for key, value in one.exchange.request.query if key == name]
    return int(sent[0]) if len(sent) == 1 and sent[0].isascii() and sent[0].isdigit() and len(sent[0]) < 10 else None


def _sent(one: Answered, name: str | None) -> bool:
    return any(key == name for key, _ in one.exchange.request.query)


def _equals(one: Answered, pointer: str | None, wanted: int | None) -> Answer:
    if pointer is None or wanted is None:
        return None
    got = first(one.response.json, pointer)
    if got is ABSENT:
        return None  # that it is there, and of which type, are promises of their own
    fine = str(got) == str(wanted) or number(got) == wanted
    return [] if fine else [(f"{pointer} {wanted}", shown(got), pointer)]


def _echo_page(listing: Listing, one: Answered) -> Answer:
    asked = _parameter(one, listing.page_parameter)
    return _equals(one, listing.page, asked) if asked and not _behind_the_end(listing, one, asked) else None


def _behind_the_end(listing: Listing, one: Answered, asked: int) -> bool:
    """Whether there is no such page; what number an answer shows then is undocumented (G-35)."""
    pages = number(first(one.response.json, listing.pages)) if listing.pages else None
    return asked > max(1, pages or 1) if pages is not None else not items_of(listing, one)


def _legal_limit(listing: Listing, one: Answered) -> int | None:
    asked = _parameter(one, listing.limit_parameter)
    return asked if asked is not None and 1 <= asked <= (listing.max_limit or asked) else None


def _echo_limit(listing: Listing, one: Answered) -> Answer:
    return _equals(one, listing.limit, _legal_limit(listing, one))


def _default_page(listing: Listing, one: Answered) -> Answer:
    return None if _sent(one, listing.page_parameter) else _equals(one, listing.page, listing.default_page)


def _default_limit(listing: Listing, one: Answered) -> Answer:
    if _sent(one, listing.limit_parameter) or listing.default_limit is None:
        return None
    told = _equals(one, listing.limit, listing.default_limit)
    kept_to = _at_most(listing, one, listing.default_limit)
    return None if told is None and kept_to is None else [*(told or []), *(kept_to or [])]


def _at_most_limit(listing: Listing, one: Answered) -> Answer:
    asked = _legal_limit(listing, one)
    return None if asked is None else _at_most(listing, one, asked)


def _max_limit(listing: Listing, one: Answered) -> Answer:
    if not listing.max_limit:
        return None
    asked = _parameter(one, listing.limit_parameter)
    if one.response.status == REFUSED and asked is not None and asked > listing.max_limit:
        return []
    return _at_most(listing, one, listing.max_limit)


def _at_most(listing: Listing, one: Answered, most: int) -> Answer:
    """Nothing to judge where the list had no more to give anyway."""
    count = len(items_of(listing, one))
    if count > most:
        return [(f"at most {most} items", f"{count} items", "")]
    total = number(_total(listing, one))
    more = count == most if total is None else total > most
    return [] if more and readable(listing, one) else None


def _full_page(listing: Listing, one: Answered) -> Answer:
    """A page before the last holds as many items as it says it may; not judged when that is not what was asked for."""
    at, limit, total = (
        number(first(one.response.json, pointer)) if pointer else None
        for pointer in (listing.page, listing.limit, listing.total)
    )
    asked = ((listing.page_parameter, at), (listing.limit_parameter, limit))
    if any(_sent(one, name) and _parameter(one, name) != told for name, told in asked):
        return None
    if not at or not limit or total is None or limit > (listing.max_limit or limit):
        return None
    if at * limit >= total or not readable(listing, one):
        return None
    count = len(items_of(listing, one))
    return [] if count >= limit else [(f"{limit:g} items on a page before the last", f"{count} items", "")]


def _total_pages(listing: Listing, one: Answered) -> Answer:
    total, limit, pages = (
        number(first(one.response.json, pointer)) if pointer else None
        for pointer in (listing.total, listing.limit, listing.pages)
    )
    if not total or not limit or pages is None:
        return None  # totalPages of an empty list is undocumented
    wanted = ceil(total / limit)
    return [] if pages == wanted else [(f"{listing.pages} {wanted}", f"{pages:g}", listing.pages or "")]


def _total_fits(listing: Listing, one: Answered) -> Answer:
    """A page with room left is the last one, and a full one is no more than all."""
    page = _parameter(one, listing.page_parameter) if _sent(one, listing.page_parameter) else listing.default_page
    most = _legal_limit(listing, one) if _sent(one, listing.limit_parameter) else listing.default_limit
    total, count = number(_total(listing, one)), len(items_of(listing, one))
    if not page or not most or total is None or not readable(listing, one) or count > most:
        return None
    before = (page - 1) * most
    if count == most:
        fine, wanted = total >= before + count, f"at least {before + count}"
    elif count or page == 1:
        fine, wanted = total == before + count, f"{before + count}"
    else:
        fine, wanted = total <= before, f"at most {before}"
    return (
        []
        if fine
        else [(f"{listing.total} {wanted}, with {count} items on page {page}", f"{total:g}", listing.total or "")]
    )


PAGE_RULES: Mapping[str, Callable[[Listing, Answered], Answer]] = {
    "echo-page": _echo_page,
    "echo-limit": _echo_limit,
    "default-page": _default_page,
    "default-limit": _default_limit,
    "at-most-limit": _at_most_limit,
    "max-limit": _max_limit,
    "full-page": _full_page,
    "total-pages": _total_pages,
    "total-fits": _total_fits,
}


def _sortable(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    return number(value) if number(value) is not None else moment(value)


def _next_page(listing: Listing, one: Answered, other: Answered) -> bool:
    """Whether the second answer is the next page of the same walk."""
    before, after = _parameter(one, listing.page_parameter), _parameter(other, listing.page_parameter)
    rest_before, rest_after = (
        [pair for pair in answer.exchange.request.query if pair[0] != listing.page_parameter] for answer in (one, other)
    )
    consecutive = before is not None and after == before + 1
    same_walk = one.exchange.source == other.exchange.source and one.exchange.role == other.exchange.role
    return consecutive and same_walk and rest_before == rest_after and _total(listing, one) == _total(listing, other)


def room(listing: Listing, one: Answered) -> bool:
    """Whether a first page had room for more than it holds, so that it is the whole list."""
    page = _parameter(one, listing.page_parameter)
    if page != 1 and _sent(one, listing.page_parameter):
        return False
    most = _legal_limit(listing, one) if _sent(one, listing.limit_parameter) else listing.default_limit
    return most is not None and len(items_of(listing, one)) < most and readable(listing, one)


def _total(listing: Listing, one: Answered) -> Any:  # noqa: ANN401 - any JSON value
    """The announced total; when it changes between two pages, others are sending and pages shift."""
    return first(one.response.json, listing.total) if listing.total else None


def _gaps(case: Case, listing: Listing, pages: list[Answered], seen: int) -> list[Finding]:
    """Fewer items than the total says, once the walk has reached the end. More can be new traffic."""
    if not pages or listing.total is None:
        return []
    total = number(first(pages[-1].response.json, listing.total))
    start = number(first(pages[0].response.json, listing.total))
    ended = not items_of(listing, pages[-1]) or seen >= (total or 0)
    if total is None or start != total or not ended or seen >= total:
        return []
    return [case.finding(f"{total:g} items over all pages", f"{seen} items", pages, listing.total)]


def _uncovered(case: Case, listing: Listing, pages: list[Answered], seen: Mapping[Any, Answered]) -> list[Finding]:
    """Items that one long page shows, and no page of a walk that came to its end."""
    if "covering" not in case.params or len(pages) < 2 or not items_of(listing, pages[0]):
        return []
    sizes = [len(items_of(listing, one)) for one in (pages[0], pages[-1])]
    if sizes[1] >= sizes[0]:
        return []
    whole = case.good(case.param("covering"))[-1:]
    missing = [
        key for one in whole for item in items_of(listing, one) if (key := shown(first(item, listing.id))) not in seen
    ]
    return [case.finding("each item on some page", f"{missing[0]} on none", [*whole, *pages])] if missing else []


def _surplus(case: Case, listing: Listing, pages: list[Answered], seen: int) -> list[Finding]:
    """More items than any page says there are in all, whether or not others are sending."""
    totals = [total for one in pages if (total := number(_total(listing, one))) is not None]
    if not totals or seen <= max(totals):
        return []
    return [case.finding(f"at most {max(totals):g} items over all pages", f"{seen} items", pages, listing.total or "")]


def reference(case: Case, asked: str) -> Any:  # noqa: ANN401 - any JSON value
    """What the items should show for a filter value: the value itself, or what another answer says it stands for."""
    if "as" not in case.params:
        return asked
    return _read(case, case.param("as"))


def _read(case: Case, text: str) -> Any:  # noqa: ANN401 - any JSON value
    where = place(text)
    found = [where.read(one) for one in case.good(where.step)]
    return found[-1] if found else ABSENT


def _count_rule(case: Case, count: int) -> tuple[str, bool]:
    if case.param("none"):
        return "no item", count == 0
    if "at_most" in case.params:
        return f"at most {case.param('at_most')} items", count <= case.param("at_most")
    if "at_least" in case.params:
        return f"at least {case.param('at_least')} items", count >= case.param("at_least")
    return f"{case.param('count', 1)} item(s)", count == case.param("count", 1)


__all__ = ["PAGE_RULES", "distinct", "filtered", "items", "items_of", "order", "page", "readable", "reference", "room"]
