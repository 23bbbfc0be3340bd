"""Fill the templates of `probes.yaml` with the values of one run.

A template is any JSON value. A string that is exactly `{name}` becomes the variable's value with its type; inside
longer text the variable is inserted as text; `{{` and `}}` are literal braces. A mapping with a key that starts with
`$` is a form; see `_FORMS`. Nothing here reads a clock or draws randomness: both come in with the `Scope`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_VARIABLE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][\w-]*)(?::([\w-]+))?\}")
_WHOLE = re.compile(r"\{([A-Za-z_][\w-]*)(?::([\w-]+))?\}")


class UnboundError(LookupError):
    """A template names a variable that has no value (yet)."""

    def __init__(self, name: str) -> None:
        """Keep the variable's name."""
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Scope:
    """Everything a template may refer to."""

    now: Callable[[], float]
    """The run's clock, epoch seconds."""
    salt: str
    """Makes `{unique:...}` values differ from run to run."""
    keys: Mapping[str, str]
    """Raw API keys by role."""
    number: Callable[[str], str]
    """Writes digits the way the provider does."""
    recipient: str
    """Digits of the default recipient."""
    recipients: Mapping[str, str] = field(default_factory=dict)
    """Digits of named recipients."""
    bodies: Mapping[str, Any] = field(default_factory=dict)
    """Templates that `$like` builds on."""
    variables: dict[str, Any] = field(default_factory=dict)
    """Saved by earlier steps."""
    local: Mapping[str, Any] = field(default_factory=dict)
    """Bound for one expansion: `value`, `index`, `key`."""

    def binding(self, **names: Any) -> Scope:  # noqa: ANN401 - any JSON value
        """The same scope with a few more local names."""
        return Scope(**{**self.__dict__, "local": {**self.local, **names}})


def fill(template: Any, scope: Scope) -> Any:  # noqa: ANN401 - any JSON value
    """The template's value in `scope`. Raises UnboundError."""
    if isinstance(template, str):
        return _text(template, scope)
    if isinstance(template, Mapping):
        form = _form(template)
        if form is not None:
            return _FORMS[form](template, scope)
        return {key: fill(value, scope) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(item, scope) for item in template]
    return template


def variables_used(template: Any) -> set[str]:  # noqa: ANN401 - any JSON value
    """Names of the variables a template refers to, without `:argument`."""
    if isinstance(template, str):
        return {found.group(1) for found in _VARIABLE.finditer(template) if found.group(1)}
    if isinstance(template, Mapping):
        return set().union(*(variables_used(value) for value in template.values()))
    if isinstance(template, list):
        return set().union(*map(variables_used, template))
    return set()


def forms_in(template: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - any JSON value
    """Every `$form` in a template, at every depth."""
    if isinstance(template, Mapping):
        if _form(template) is not None:
            yield template
        for value in template.values():
            yield from forms_in(value)
    elif isinstance(template, list):
        for item in template:
            yield from forms_in(item)


def problem_with(form: Mapping[str, Any]) -> str:
    """What is wrong with the keys of a form, or ''."""
    name = _form(form)
    if name not in _FORMS:
        return f"unknown form {name!r}; known are {sorted(_FORMS)}"
    beside = {"with", "without"} if name == "$like" else set()
    strange = set(form) - {name} - beside
    return f"{name!r} stands beside {sorted(strange, key=str)}; only {sorted(beside)} may" if strange else ""


def as_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value inside a text: text as it is, anything else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def rfc3339(moment: float, offset: str = "Z") -> str:
    """An instant as RFC 3339 with milliseconds, in UTC or at an offset such as `+02:00`."""
    zone: timezone = UTC
    if offset != "Z":
        hours, minutes = offset[1:].split(":")
        sign = -1 if offset.startswith("-") else 1
        zone = timezone(sign * timedelta(hours=int(hours), minutes=int(minutes)))
    text = datetime.fromtimestamp(moment, zone).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z") if offset == "Z" else text


def _form(template: Mapping[Any, Any]) -> str | None:
    return next((key for key in template if isinstance(key, str) and key.startswith("$")), None)


def _text(template: str, scope: Scope) -> Any:  # noqa: ANN401 - any JSON value
    whole = _WHOLE.fullmatch(template)
    if whole:
        return _variable(scope, *whole.groups())

    def insert(found: re.Match[str]) -> str:
        if found.group(1) is None:
            return found.group(0)[0]
        return as_text(_variable(scope, *found.groups()))

    return _VARIABLE.sub(insert, template)


def _variable(scope: Scope, name: str, argument: str | None) -> Any:  # noqa: ANN401 - any JSON value
    if name == "unique":
        digest = hashlib.sha256(f"{scope.salt}/{argument}".encode()).hexdigest()
        return f"affidavit-{digest[:20]}"
    if name == "recipient":
        digits = scope.recipient if argument is None else scope.recipients.get(argument)
        if digits is None:
            raise UnboundError(f"recipient:{argument}")
        return scope.number(digits)
    for names in (scope.local, scope.variables):
        if name in names:
            return names[name]
    raise UnboundError(name)


def _repeat(form: Mapping[str, Any], scope: Scope) -> str:
    argument = form["$repeat"]
    return as_text(fill(argument["text"], scope)) * int(argument["times"])


def _time(form: Mapping[str, Any], scope: Scope) -> str:
    argument = form["$time"]
    return rfc3339(scope.now() + float(argument["after"]), argument.get("offset", "Z"))


def _like(form: Mapping[str, Any], scope: Scope) -> Any:  # noqa: ANN401 - any JSON value
    base = dict(scope.bodies[form["$like"]])
    base.update(form.get("with", {}))
    for name in form.get("without", []):
        base.pop(name, None)
    return fill(base, scope)


def _join(form: Mapping[str, Any], scope: Scope) -> str:
    return "".join(as_text(fill(part, scope)) for part in form["$join"])


def _list(form: Mapping[str, Any], scope: Scope) -> list[Any]:
    argument = form["$list"]
    return [fill(argument["of"], scope.binding(index=index)) for index in range(int(argument["times"]))]


def _key(form: Mapping[str, Any], scope: Scope) -> str:
    role = form["$key"]
    if role not in scope.keys:
        raise UnboundError(f"key:{role}")
    return scope.keys[role]


_FORMS: Mapping[str, Callable[[Mapping[str, Any], Scope], Any]] = {
    "$repeat": _repeat,
    "$time": _time,
    "$like": _like,
    "$join": _join,
    "$list": _list,
    "$key": _key,
}

FORMS = frozenset(_FORMS) | {"with", "without"}
"""Keys a form may have."""
