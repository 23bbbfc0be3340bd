"""Whether status changes may be posted to an address: public, HTTPS, and nothing that could be somebody's own network.

Only the address is read. No name is looked up and nothing is fetched, so a public name that points to a private
address passes (G-12).
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

LONGEST_URL = 2048
_PRINTABLE = re.compile(r"[!-~]+")
_NAME = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_OWN_NETWORK = ("localhost", "local", "internal", "intranet", "lan", "home", "localdomain", "arpa")
"""Last labels of names that only mean something inside a network."""


def why_not_public(url: str, local_prefix: str | None = None) -> str | None:
    """What is wrong with the address, or None; an address under `local_prefix` is right as it is."""
    if local_prefix and _is_under(url, local_prefix):
        return None
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url) or re.search(r'[\\"<>^`{|}#]', url):
        return "must be a public HTTPS URL"
    try:
        parts = urlsplit(url)
        valid_port = parts.port != 0
    except ValueError:
        return "must be a public HTTPS URL"
    if parts.scheme != "https":
        return "must use HTTPS"
    if not valid_port or parts.username is not None or not _is_public_host(parts):
        return "must be the HTTPS URL of a public host"
    return None


def _is_under(url: str, prefix: str) -> bool:
    """Whether the prefix ends where a part of the address ends: a port that goes on is another port."""
    rest = url.removeprefix(prefix)
    return url.startswith(prefix) and (prefix.endswith("/") or rest[:1] in {"", "/", "?"})


def _is_public_host(parts: SplitResult) -> bool:
    host = (parts.hostname or "").removesuffix(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(_NAME.fullmatch(host)) and host.rpartition(".")[2] not in _OWN_NETWORK
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (inner or address).is_global and not address.is_multicast
