"""No spelling of a key survives in what is written, and what a check needs to know of the key does."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.redaction import PLACEHOLDER, Redactor, expand, for_others, without_numbers

MAIN = "sk_test_0123456789abcdef0123456789abcdef"
LIVE = "sk_live_0123456789ABCDEF0123456789ABCDEF"
ISSUED = "sk_live_" + "0a" * 24
HERE = Redactor({"main": MAIN, "live": LIVE})
VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
KEYS = st.text(VISIBLE, min_size=10, max_size=30)
AROUND = st.text(max_size=5)


def every_letter(code: Callable[[str], str]) -> Callable[[str], str]:
    return lambda key: "".join(map(code, key))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
    "percent": lambda key: quote(key, safe=""),
    "percent of an address": lambda key: quote(key, safe="!$'()*,:;@/?"),
    "percent, small": lambda key: re.sub("%..", lambda found: found[0].lower(), quote(key, safe="")),
    "percent everywhere": every_letter(lambda letter: f"%{ord(letter):02X}"),
    "percent twice": lambda key: quote(quote(key, safe=""), safe=""),
    "json": lambda key: json.dumps(key)[1:-1],
    "json with slashes": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "json everywhere": every_letter(lambda letter: f"\\u{ord(letter):04x}"),
    "json, large": every_letter(lambda letter: f"\\u{ord(letter):04X}"),
    "json in json": lambda key: json.dumps(json.dumps(key)[1:-1])[1:-1],
}
BASE64 = {
    "standard": lambda raw: b64encode(raw).decode(),
    "for addresses": lambda raw: urlsafe_b64encode(raw).decode(),
    "without its end": lambda raw: b64encode(raw).decode().rstrip("="),
}


def readings(text: str) -> list[str]:
    """What somebody who looks for a key reads in a text: undone codings, and what may be Base64."""
    found = [text]
    for _ in range(3):
        found.append(unquote(found[-1], "latin-1"))
    found += [re.sub(r"\\u00(..)", lambda code: chr(int(code[1], 16)), one).replace("\\", "") for one in found]
    for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        code = run.replace("-", "+").replace("_", "/")
        for start in range(4):
            with suppress(ValueError):
                found.append(b64decode(code[start : start + (len(code) - start) // 4 * 4]).decode("latin-1"))
    return found


def shows(text: str, key: str) -> bool:
    return any(key.lower().replace("\\", "") in one.lower().replace("\\", "") for one in readings(text))


@given(KEYS, AROUND, AROUND, st.sampled_from(sorted(SPELLINGS)))
def test_no_known_key_survives_in_any_spelling(key: str, before: str, after: str, spelling: str) -> None:
    written = Redactor({"main": key}).redact(before + SPELLINGS[spelling](key) + after)
    assert "⟨key main: " in written
    assert not shows(PLACEHOLDER.sub("", written), key)


@given(KEYS, st.binary(max_size=5), st.binary(max_size=5), st.sampled_from(sorted(BASE64)))
def test_no_known_key_survives_in_base64(key: str, before: bytes, after: bytes, form: str) -> None:
    encoded = BASE64[form](before + key.encode() + after)
    written = Redactor({"main": key}).redact(f"Basic {encoded}")
    assert "⟨key main: " in written
    assert not shows(PLACEHOLDER.sub("", written), key[2:-2])


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
@pytest.mark.parametrize("before", ["", "x", "_", " ", "\\n", "%20", "0"])
def test_a_key_nobody_knew_of_is_hidden_in_any_spelling_behind_anything(spelling: str, before: str) -> None:
    written = HERE.redact(before + SPELLINGS[spelling](ISSUED) + '"')
    assert PLACEHOLDER.search(written)
    assert not shows(PLACEHOLDER.sub("", written), ISSUED[8:])


@pytest.mark.parametrize("form", sorted(BASE64))
@pytest.mark.parametrize("before", [b"", b":", b"a:", b"user:"])
def test_a_key_nobody_knew_of_is_the_same_secret_in_base64(form: str, before: bytes) -> None:
    here = Redactor({})
    plain = here.redact(ISSUED)
    written = here.redact(f"Basic {BASE64[form](before + ISSUED.encode())}")
    assert plain == "⟨secret 1: sk_live_ + 48 hex⟩"
    assert plain in written or "⟨secret 1" in here.redact(ISSUED)
    assert PLACEHOLDER.search(written)
    assert not shows(PLACEHOLDER.sub("", written), ISSUED[8:])


def test_equal_secrets_have_equal_placeholders_and_others_have_others() -> None:
    here = Redactor({"main": MAIN})
    one, again, other = (here.redact(f"a {key} b") for key in (ISSUED, ISSUED, "sk_live_" + "1b" * 24))
    assert one == again == "a ⟨secret 1: sk_live_ + 48 hex⟩ b"
    assert other == "a ⟨secret 2: sk_live_ + 48 hex⟩ b"
    assert here.redact(quote(ISSUED.replace("_", "%5F"))) == "⟨secret 1: sk_live_ + 48 hex⟩"


def test_roles_are_told_apart() -> None:
    assert HERE.redact(f"{MAIN},{LIVE}") == "⟨key main: sk_test_ + 32 hex⟩,⟨key live: sk_live_ + 32 HEX⟩"


def test_a_key_inside_another_is_not_taken_for_it() -> None:
    here = Redactor({"short": "abcdefghij", "long": "abcdefghijklm"})
    assert here.redact("abcdefghijklm abcdefghij") == "⟨key long:  + 13 alphanumeric⟩ ⟨key short:  + 10 alphanumeric⟩"


def test_a_key_that_is_a_word_of_the_placeholders_does_not_spoil_them() -> None:
    here = Redactor({"main": "key", "live": "hex", "other": "main"})
    assert [found["name"] for found in PLACEHOLDER.finditer(here.redact("key hex main"))] == ["main", "live", "other"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"id": "msg_0123456789abcdef", "at": "2026-02-06T14:18:33.000Z"}',
        "/v1/phone-numbers/%2B12025550101?status=sent",
        "sk_live_",
        "sk_live_a1b2c3...",
        "Grüße \\u00fc 👋 \\n",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert HERE.redact(text) == text


@given(st.text())
def test_nothing_else_is_changed(text: str) -> None:
    assert HERE.redact(text) == text


@pytest.mark.parametrize(
    ("secret", "shape"),
    [
        (MAIN, "sk_test_ + 32 hex"),
        (LIVE, "sk_live_ + 32 HEX"),
        ("sk_live_0123456789abcdefABCDEF", "sk_live_ + 22 Hex"),
        ("sk_live_0123456789xyz", "sk_live_ + 13 alphanumeric"),
        ("sk_live_0123456789-_x", "sk_live_ + 13 characters"),
        ("whsec_0123456789abcdefgh", "whsec_ + 18 alphanumeric"),
    ],
)
def test_the_shape_of_a_key_can_be_judged_from_the_record(secret: str, shape: str) -> None:
    written = Redactor({"main": secret}).redact(secret)
    assert written == f"⟨key main: {shape}⟩"
    sample = expand(written)
    assert len(sample) == len(secret)
    for pattern in ("sk_live_[0-9a-f]+", "sk_live_[0-9A-F]+", "sk_live_[0-9A-Fa-f]+", "sk_live_[0-9A-Za-z]+"):
        assert bool(re.fullmatch(pattern, sample)) is bool(re.fullmatch(pattern, secret))


@given(KEYS)
def test_the_shape_shows_no_more_than_the_beginning_of_a_key(key: str) -> None:
    (shown,) = PLACEHOLDER.finditer(Redactor({"main": key}).redact(key))
    assert len(shown["prefix"]) <= max(8, len(key) // 2)


@pytest.mark.parametrize(
    "text",
    ["⟨key main: x + 3 weird⟩", "⟨secret 1: x + 99999999999 hex⟩", "⟨key", "⟨⟩", "⟨key main: sk_test_ + hex⟩"],
)
def test_what_only_looks_like_a_placeholder_stays(text: str) -> None:
    assert expand(text) == text


@pytest.mark.parametrize("value", [None, True, 5, 1.5, ["⟨"], {"⟨": "⟨"}])
def test_only_text_is_expanded(value: object) -> None:
    assert expand(value) is value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+12025550101", "+###########"),
        ('{"to":"12025550101"}', '{"to":"###########"}'),
        ("/v1/phone-numbers/%2B12025550101", "/v1/phone-numbers/%2B###########"),
        ("call +1 (202) 555-0101 now", "call +# (###) ###-#### now"),
        ("2027-01-15T08:00:00.003Z and 2027-01-15", "2027-01-15T08:00:00.003Z and 2027-01-15"),
        ("12025550101abc", "###########abc"),
        ("status 404 after 100 requests", "status 404 after 100 requests"),
        ("2027-01-1512025550101", "####-##-#############"),
        ("1/555/014/2233", "#/###/###/####"),
        ("1_555_014_2233", "#_###_###_####"),
        ("1\u00a0555\u202f014\u20112233", "#\u00a0###\u202f###\u2011####"),
        ("+1 - 555 - 014 - 2233", "+# - ### - ### - ####"),
    ],
)
def test_a_page_for_others_shows_no_phone_number(text: str, shown: str) -> None:
    assert without_numbers(text) == shown


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("key sk_test_abcdefghijklmnopqrst.", "key "),
        ("key sk_live_abc", "key "),
        (b64encode(b"sk_test_abcdefghijklmnopqrstuvwxyz").decode(), ""),
        ("Authorization: Bearer abc.DEF-ghi_jkl~mno", "Authorization: Bearer "),
        ("to ann.other+1@mail.example.org", "to "),
    ],
)
def test_a_page_for_others_shows_no_secret_even_of_an_edited_record(text: str, kept: str) -> None:
    shown = for_others(text)
    assert shown.startswith(f"{kept}⟨")
    for part in ("abc", "c2tf", "mail", "ann"):
        assert part not in shown


def test_a_page_for_others_keeps_placeholders_and_ordinary_text() -> None:
    text = "Bearer ⟨key main: sk_test_ + 32 hex⟩ reads GET /v1/messages/msg_12 at 2027-01-15T08:00:00Z"
    assert for_others(text) == text
