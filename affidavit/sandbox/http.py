"""What both machines need of HTTP and JSON: read a request's parts, write an answer's.

Nothing here knows a provider. Reading is strict, since a lenient imitation would let a client's mistake through that
the provider might refuse: a body must be UTF-8 and JSON as RFC 8259 has it (no NaN, no infinity), of a depth and with
numbers that can be handled, and its strings must be text that can be written back (no lone surrogates).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NoReturn
from urllib.parse import unquote

from affidavit.sandbox.model import Json, Response

CONTENT_TYPE = ("Content-Type", "application/json; charset=utf-8")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadableBodyError(ValueError):
    """A body that is not usable JSON; the message says why, in words fit for an answer."""


def json_response(status: int, value: Json, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An answer with a JSON body; `headers` come after the content type."""
    return Response(status, (CONTENT_TYPE, *headers), to_json(value))


def to_json(value: Json) -> bytes:
    """Compact JSON in UTF-8; what cannot be encoded becomes `?`."""
    return _encode(value).encode("utf-8", "replace")


def from_json(body: bytes) -> Json:
    """The value in a body.

    Raises UnreadableBodyError when it is not UTF-8, not JSON, too deep, has a number too large, or a lone surrogate.
    """
    try:
        text = body.decode("utf-8")
        value: Json = _decode(text)
        if "\\u" in text:
            _encode(value).encode("utf-8")
    except UnreadableBodyError:
        raise
    except UnicodeDecodeError:
        raise UnreadableBodyError("body is not valid UTF-8") from None
    except UnicodeEncodeError:
        raise UnreadableBodyError("body contains an unpaired surrogate") from None
    except RecursionError:
        raise UnreadableBodyError("body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise UnreadableBodyError(f"body is not valid JSON: {error}") from None
    except ValueError:
        raise UnreadableBodyError("body contains a number that is out of range") from None
    return value


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether the content type is declared to be `application/json`, with or without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an `Authorization: Bearer` header, or None; the scheme's case does not matter."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip(" ") or None if scheme.lower() == "bearer" else None


def segments(path: str) -> tuple[str, ...]:
    """The parts of a raw path, each percent-decoded on its own: `/v1/a%2Fb` is `("v1", "a/b")`.

    A literal `+` stays one. Bytes that are not UTF-8 become U+FFFD, which matches nothing.
    """
    parts = path.removeprefix("/").split("/")
    return tuple(unquote(part) for part in parts) if "%" in path else tuple(parts)


def rfc3339(moment: float, *, milliseconds: bool = True) -> str:
    """The moment (epoch seconds) in UTC with `Z`: `2030-01-02T03:04:05.678Z`, or cut to the second without them."""
    seconds, rest = divmod(round(moment * 1000), 1000)
    return f"{_to_the_second(seconds)}.{rest:03d}Z" if milliseconds else f"{_to_the_second(seconds)}Z"


@lru_cache(maxsize=4096)
def _to_the_second(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _not_json(text: str) -> NoReturn:
    raise UnreadableBodyError(f"body is not valid JSON: {text} is not a JSON value")


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_not_json).decode
