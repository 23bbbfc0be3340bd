"""A recorded request as a curl command that a person can run.

Keys are written as shell variables, one for each role; those of the embedded sandbox stand there as they are, since
they are worth nothing elsewhere. What the record holds of a body is sent whole: a long one from a file.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from affidavit.exchange import Exchange
from affidavit.finding import Finding
from affidavit.profile import MAIN
from affidavit.redaction import PLACEHOLDER

EMBEDDED = "embedded sandbox"
LONGEST_INLINE = 400
"""Characters of a body that stand in the command itself."""
_PLAIN = re.compile(r"[\w :;,./=+@-]*", re.ASCII)
_OWN_HEADERS = frozenset({"user-agent", "content-length", "host"})


@dataclass(frozen=True)
class Replay:
    """How the requests of one run are written down."""

    variable: str
    """Environment variable of the main key; other roles have theirs behind it."""
    folder: Path
    """Where the long bodies are."""
    where: str
    """What the run asked, in words."""
    base: str | None = None
    """Where to send, instead of where it was sent."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """Keys that may be shown, by role."""
    sandbox: str = ""
    """The command that serves what the requests can be sent to; '' for a real target."""

    def curl(self, exchange: Exchange) -> str:
        """One line for a POSIX shell."""
        request = exchange.request
        words = ["curl", "-sS", "-i"]
        if request.method == "HEAD":
            words.append("--head")
        elif request.method != ("GET" if request.body is None else "POST"):
            words += ["-X", request.method]
        if "/." in request.path:
            words.append("--path-as-is")
        if set("[]{}") & set(request.url):
            words.append("--globoff")
        words.append(self._quoted(self._url(request.url)))
        words += self._headers(exchange)
        if request.body is not None:
            words += self._body(exchange, request.body)
        return " ".join(words)

    def body_file(self, exchange: Exchange) -> Path | None:
        """The file the command reads the body from; None when it stands in the command."""
        body = exchange.request.body
        # A shell puts no keys into a file, so a body that holds one stays in the command, whatever it looks like.
        if body is None or (len(body) <= LONGEST_INLINE and body.isprintable()) or PLACEHOLDER.search(body):
            return None
        return self.folder / f"{exchange.seq}.txt"

    def _url(self, url: str) -> str:
        if self.base is None:
            return url
        parts = urlsplit(url)
        return url.replace(f"{parts.scheme}://{parts.netloc}", self.base, 1)

    def _headers(self, exchange: Exchange) -> Iterator[str]:
        for name, value in exchange.request.headers:
            if name.lower() not in _OWN_HEADERS:
                yield "-H"
                yield self._quoted(f"{name}: {value}" if value else f"{name};")
        if exchange.request.body is not None and exchange.request.header("Content-Type") is None:
            yield from ("-H", "Content-Type:")  # else curl adds its own

    def _body(self, exchange: Exchange, body: str) -> tuple[str, str]:
        path = self.body_file(exchange)
        return ("--data-raw", self._quoted(body)) if path is None else ("--data-binary", shlex.quote(f"@{path}"))

    def _quoted(self, text: str) -> str:
        """The text as one shell word, keys as variables."""
        text = PLACEHOLDER.sub(lambda found: self.shown.get(found["name"], found[0]), text)
        parts = [(text[start:end], key) for start, end, key in _parts(text)]
        if len(parts) == 1 and parts[0][1] is None:
            return shlex.quote(text)
        if all(_PLAIN.fullmatch(part) for part, key in parts if key is None):
            return '"' + "".join(part if key is None else f"${self._variable(key)}" for part, key in parts) + '"'
        return "".join(shlex.quote(part) if key is None else f'"${self._variable(key)}"' for part, key in parts if part)

    def _variable(self, key: re.Match[str]) -> str:
        if key["kind"] == "key" and key["name"] == MAIN:
            return self.variable
        name = key["name"] if key["kind"] == "key" else f"secret_{key['name']}"
        return f"{self.variable}_{name}".upper().replace("-", "_")


def proof_of(exchanges: Iterable[Exchange], finding: Finding) -> Exchange | None:
    """The exchange that shows a finding best; None for one without an exchange, such as a missing webhook."""
    return next((one for one in exchanges if one.seq in finding.exchanges[-1:]), None)


def _parts(text: str) -> Iterator[tuple[int, int, re.Match[str] | None]]:
    """Start and end of the pieces of the text, with the match of those that stand for a key."""
    at = 0
    for found in PLACEHOLDER.finditer(text):
        yield at, found.start(), None
        yield found.start(), found.end(), found
        at = found.end()
    yield at, len(text), None
