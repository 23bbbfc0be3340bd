"""What each request body must be: tables of fields, and the rules the fields are held to.

A rule is a function of the value and the moment that returns the problems it sees. A field that may be left out must
still be right when it is there, and null is never right. Fields that no table names are ignored (G-36).

To add a field, add a row; to add a rule, write one small function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from affidavit.sandbox.model import Json
from affidavit.sandbox.whatsapi.messages import Draft, Template
from affidavit.sandbox.whatsapi.refusal import Problem
from affidavit.sandbox.whatsapi.webhook_url import why_not_public

Problems: TypeAlias = tuple[Problem, ...]
Rule: TypeAlias = Callable[[object, float], Problems]

PHONE_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s.\x00-\x1f]+(\.[^@\s.\x00-\x1f]+)+")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")
NUMBER = re.compile(r"[0-9]{1,300}")
LONGEST_TEXT = 4096
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""Beyond it a moment cannot be written with four digits for the year once it is rounded."""
SELF_SERVICE_PLANS = ("basic", "pro")


class Field(NamedTuple):
    """One row of a table."""

    name: str
    required: bool
    rule: Rule


# --- rules ------------------------------------------------------------------------------------------------------------


def problem(message: str) -> Problems:
    """The one problem of the value itself."""
    return (Problem("", message),)


def text(shortest: int, longest: int | None = None) -> Rule:
    """A string of so many code points."""

    def rule(value: object, _now: float) -> Problems:
        if not isinstance(value, str):
            return problem("must be a string")
        if len(value) < shortest:
            return problem("must not be empty")
        if longest is not None and len(value) > longest:
            return problem(f"must have at most {longest} characters, has {len(value)}")
        return ()

    return rule


def matching(pattern: re.Pattern[str], wanted: str) -> Rule:
    """A string that has this form in full."""

    def rule(value: object, _now: float) -> Problems:
        return () if isinstance(value, str) and pattern.fullmatch(value) else problem(f"must be {wanted}")

    return rule


def one_of(*values: str) -> Rule:
    """One of these strings."""

    def rule(value: object, _now: float) -> Problems:
        return () if value in values else problem(f"must be one of: {', '.join(values)}")

    return rule


def of_type(kind: type, wanted: str) -> Rule:
    """A value of this type."""

    def rule(value: object, _now: float) -> Problems:
        return () if isinstance(value, kind) else problem(f"must be {wanted}")

    return rule


def record(*fields: Field) -> Rule:
    """An object with these fields."""

    def rule(value: object, now: float) -> Problems:
        if not isinstance(value, dict):
            return problem("must be an object")
        return tuple(one for field in fields for one in _of_field(field, value, now))

    return rule


def list_of(rule_of_item: Rule) -> Rule:
    """A list whose items keep a rule."""

    def rule(value: object, now: float) -> Problems:
        if not isinstance(value, list):
            return problem("must be a list")
        return tuple(one for index, item in enumerate(value) for one in under(f"[{index}]", rule_of_item(item, now)))

    return rule


def future_moment(value: object, now: float) -> Problems:
    """An ISO 8601 moment with its offset from UTC, later than now."""
    moment = parse_moment(value) if isinstance(value, str) else None
    if moment is None:
        return problem("must be an ISO 8601 date and time with an offset, such as 2030-05-01T09:00:00Z")
    return () if moment > now else problem("must be in the future")


def under(name: str, problems: Problems) -> Problems:
    """The same problems, seen from the object or list that the value is in."""
    return tuple(
        Problem(f"{name}.{field}" if field and not field.startswith("[") else f"{name}{field}", message)
        for field, message in problems
    )


def _of_field(field: Field, value: Mapping[str, object], now: float) -> Problems:
    if field.name not in value:
        return (Problem(field.name, "is required"),) if field.required else ()
    found = field.rule(value[field.name], now)
    return under(field.name, found) if found else found


def parse_moment(value: str) -> float | None:
    """Epoch seconds of an RFC 3339 date and time, or None when it is not one."""
    if not MOMENT.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    return moment if moment <= LAST_MOMENT else None


# --- tables -----------------------------------------------------------------------------------------------------------

_REQUIRED = True
_OPTIONAL = False

_PARAMETER = record(Field("type", _OPTIONAL, text(0)), Field("text", _OPTIONAL, text(0)))
_COMPONENT = record(Field("type", _OPTIONAL, text(0)), Field("parameters", _OPTIONAL, list_of(_PARAMETER)))
_TEMPLATE = record(
    Field("name", _REQUIRED, text(1)),
    Field("language", _REQUIRED, text(1)),
    Field("components", _OPTIONAL, list_of(_COMPONENT)),
)
_FIELDS_OF_MESSAGE = record(
    Field("to", _REQUIRED, matching(PHONE_NUMBER, "a phone number in E.164 format: digits only, without +")),
    Field("message", _OPTIONAL, text(1, LONGEST_TEXT)),
    Field("template", _OPTIONAL, _TEMPLATE),
    Field("sendAt", _OPTIONAL, future_moment),
    Field("metadata", _OPTIONAL, of_type(dict, "an object")),
    Field("dry_run", _OPTIONAL, of_type(bool, "true or false")),
)

REGISTRATION = record(
    Field("name", _REQUIRED, text(1)),
    Field("email", _REQUIRED, matching(EMAIL, "an email address")),
)
CREDENTIALS = record(
    Field("whatsappAccessToken", _REQUIRED, text(1)),
    Field("whatsappPhoneNumberId", _REQUIRED, text(1)),
)
CHECKOUT = record(Field("plan", _REQUIRED, one_of(*SELF_SERVICE_PLANS)))


def message(value: object, now: float) -> Problems:
    """One message to send: a text or a template, never both (G-17)."""
    found = _FIELDS_OF_MESSAGE(value, now)
    if isinstance(value, dict) and ("message" in value) == ("template" in value):
        both = "message" in value
        found += (Problem("message", "must not come with a template" if both else "or a template is required"),)
    return found


def webhook(local_prefix: str | None) -> Rule:
    """Where to post status changes; `local_prefix` as in the option `local_webhook_prefix`."""

    def address(value: object, _now: float) -> Problems:
        if not isinstance(value, str):
            return problem("must be a string")
        reason = why_not_public(value, local_prefix)
        return problem(reason) if reason else ()

    return record(Field("url", _REQUIRED, address))


def batch(cap: int) -> Rule:
    """A list of one to `cap` items; what the items are is judged one by one (G-21)."""

    def items(value: object, _now: float) -> Problems:
        if not isinstance(value, list) or not value:
            return problem("must be a list of at least one message")
        return () if len(value) <= cap else problem(f"must have at most {cap} messages on this plan, has {len(value)}")

    return record(Field("messages", _REQUIRED, items))


# --- from valid bodies to what they mean ------------------------------------------------------------------------------


def draft(value: Mapping[str, Json]) -> Draft:
    """The message that a valid body asks for."""
    to, text_, metadata, send_at = (value.get(name) for name in ("to", "message", "metadata", "sendAt"))
    return Draft(
        to=str(to),
        text=text_ if isinstance(text_, str) else None,
        template=_template(value.get("template")),
        send_at=parse_moment(send_at) if isinstance(send_at, str) else None,
        metadata=metadata if isinstance(metadata, dict) else None,
        dry_run=value.get("dry_run") is True,
    )


def _template(value: Json) -> Template | None:
    if not isinstance(value, dict):
        return None
    components = value.get("components", [])
    return Template(str(value["name"]), str(value["language"]), sum(map(_body_parameters, _list(components))))


def _body_parameters(component: Json) -> int:
    """How many values a component brings for the placeholders of the template's body."""
    if not isinstance(component, dict) or component.get("type") != "body":
        return 0
    return len(_list(component.get("parameters")))


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()
