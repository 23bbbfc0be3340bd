"""Whether a URL is what the documents ask of media: public, and HTTPS (G-12).

Nothing is looked up: a name is public unless it says itself that it is local. An address is public unless it lies in a
loopback, private, link-local or otherwise reserved range, in whatever spelling clients understand: `127.0.0.1` is also
`127.1`, `2130706433` and `0x7f.0.0.1`, as in the URL standard.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"(?!-)[a-z0-9_\u0080-\U0010ffff-]{1,63}(?<!-)")
"""Letters beyond ASCII are left as they are, not encoded."""
_NUMBER = re.compile(r"0x[0-9a-f]{0,16}|[0-9]{1,16}")
_LOCAL_NAMES = ("localhost", "local", "localdomain", "internal")
_OCTET = 256


def is_public_https(url: str) -> bool:
    """Whether the URL is an HTTPS one with a public host."""
    if _UNPRINTABLE.search(url):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https" and host is not None and port != 0 and _is_public(host, bracketed="[" in parts.netloc)
    )


def _is_public(host: str, *, bracketed: bool) -> bool:
    if bracketed:
        return _is_public_address(host)
    name = unicodedata.normalize("NFKC", host).lower().replace("\u3002", ".")
    labels = name.removesuffix(".").split(".")
    if not name.isprintable() or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    if _NUMBER.fullmatch(labels[-1]) or labels[-1].isdecimal():
        address = _address(labels)
        return address is not None and _is_public_address(address)
    return labels[-1] not in _LOCAL_NAMES


def _is_public_address(text: str) -> bool:
    try:
        address: IPv4Address | IPv6Address | None = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    return address is not None and address.is_global and not address.is_multicast


def _address(labels: list[str]) -> str | None:
    """The dotted form of a host that ends in a number: the last number fills all the bytes that are left."""
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
        return None
    try:
        *heads, last = [_number(label) for label in labels]
    except ValueError:
        return None
    if any(head >= _OCTET for head in heads) or last >= _OCTET ** (4 - len(heads)):
        return None
    value = sum(head * _OCTET ** (3 - place) for place, head in enumerate(heads)) + last
    return str(IPv4Address(value))


def _number(label: str) -> int:
    """A number as the URL standard reads it: hexadecimal after `0x`, octal after `0`, else decimal."""
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8) if label.startswith("0") else int(label)
