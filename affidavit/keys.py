"""The keys file: keys by role, and what the owner of the keys allows. Reading is strict, and no message shows a key.

[chatmaid]
target = "http://127.0.0.1:8601"    # optional; the documented host when left out
allow = ["real-message"]            # optional; risks that are refused otherwise
recipient = "+12025550101"          # optional; who may get messages

[chatmaid.keys]
main = "sk_test_…"                  # the roles stand in openapi/chatmaid/profile.toml
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from affidavit.catalog import Catalog
from affidavit.client import checked_url
from affidavit.documents import load_catalog, providers
from affidavit.errors import KeysError, RefusedError, UsageError
from affidavit.profile import MAIN, Profile
from affidavit.safety import LONGEST_NUMBER, RISKS, SHORTEST_NUMBER

FIELDS = ("target", "allow", "recipient", "keys")
VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Access:
    """How to reach one provider, and what may be done there."""

    target: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    recipient: str | None = None
    """Digits."""


def chosen(names: tuple[str, ...], target: str | None, keys_file: Path | None) -> list[tuple[Catalog, Access]]:
    """The providers to ask, each with how to reach it: options before the keys file before the environment.

    Raises UsageError.
    """
    wanted = list(dict.fromkeys(names)) or providers()
    if target and len(wanted) != 1:
        raise UsageError(f"--target {target} needs exactly one --provider, got {', '.join(wanted)}")
    found = []
    for name in wanted:
        catalog = load_catalog(name)
        access = read_keys(keys_file, catalog.profile) if keys_file else Access()
        variable = catalog.profile.key_env
        if os.environ.get(variable) and MAIN not in access.keys:
            key = checked_key(MAIN, os.environ[variable], catalog.profile, f"the variable {variable}")
            access = replace(access, keys={MAIN: key, **access.keys})
        address = target or access.target or (catalog.profile.url if access.keys else None)
        where = "--target" if target else f"target of [{name}]"
        found.append((catalog, replace(access, target=address and checked_url(address, where))))
    return found


def read_keys(path: Path, profile: Profile) -> Access:
    """The provider's part of a keys file. Raises KeysError naming the field, never the key."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise KeysError(f"the keys file {path} cannot be read: {problem.strerror}; name an existing file") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise KeysError(f"the keys file {path} is not TOML: {_where(problem)}; see Keys in the README") from problem
    _known(data, providers(), f"the keys file {path}", "table")
    table = data.get(profile.provider)
    where = f"[{profile.provider}] in {path}"
    if not isinstance(table, dict) or not isinstance(table.get("keys"), dict):
        raise KeysError(
            f'the keys file {path} has no table [{profile.provider}.keys] of role = "key"; add one, '
            "or choose another provider with --provider"
        )
    _known(table, FIELDS, where, "field")
    target, allowed, recipient = table.get("target"), table.get("allow", []), table.get("recipient")
    if target is not None and not isinstance(target, str):
        raise KeysError(f"{where}: target is {target!r}, expected a URL such as {profile.url}")
    if not isinstance(allowed, list) or any(risk not in RISKS[2:] for risk in allowed):
        raise KeysError(f"{where}: allow is {allowed!r}, expected a list of some of {', '.join(RISKS[2:])}")
    keys = {role: checked_key(role, key, profile, where) for role, key in table["keys"].items()}
    digits = None if recipient is None else checked_recipient(recipient, where)
    return Access(target, keys, frozenset(allowed), digits)


def checked_key(role: str, key: Any, profile: Profile, where: str) -> str:  # noqa: ANN401 - any TOML value
    """The key, when role and key are fit to be sent. Raises KeysError, and RefusedError when it could do harm."""
    if role not in profile.roles:
        known = ", ".join(profile.roles)
        raise KeysError(f"{where}: {role!r} is no role of a key; known are {known}")
    if not isinstance(key, str) or not VISIBLE.fullmatch(key):
        raise KeysError(f"{where}: the key of {role!r} is empty or holds blanks or letters no key has; copy it again")
    if role == MAIN and not key.startswith(profile.main_prefix):
        problem = f"{where}: the key of {MAIN!r} does not begin with {profile.main_prefix}"
        if profile.key_pattern.fullmatch(key):
            raise RefusedError(f"refused for safety: {problem}, so it would send real messages; use a test key here")
        raise KeysError(f"{problem}; use a test key here")
    return key


def checked_recipient(number: Any, where: str) -> str:  # noqa: ANN401 - any TOML value
    """The digits of a phone number. Raises KeysError."""
    digits = re.sub(r"[ +()-]", "", str(number)) if isinstance(number, str) else ""
    if not re.fullmatch(r"[1-9][0-9]*", digits) or not SHORTEST_NUMBER <= len(digits) <= LONGEST_NUMBER:
        raise KeysError(f"{where}: recipient is {number!r}, expected a phone number with country code: +12025550101")
    return digits


def _known(table: Mapping[str, Any], known: Sequence[str], where: str, what: str) -> None:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise KeysError(f"{where}: unknown {what} {', '.join(unknown)}; known are {', '.join(known)}")


def _where(problem: Exception) -> str:
    """What is wrong with the text, without the text: it may hold a key."""
    found = re.search(r"\(at (?:line \d+, column \d+|end of document)\)", str(problem))
    return found.group(0) if found else "its bytes are no UTF-8"
