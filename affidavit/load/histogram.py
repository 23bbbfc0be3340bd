"""Times as an HDR histogram: three significant digits from a microsecond to a day, in little memory.

A time is counted in the slot its microseconds fall into; a slot is never wider than a thousandth of its times. Two
histograms are merged by adding slots, so that several processes count apart and lose nothing. Written, it is the
compressed V2 form of HdrHistogram in base64, which the plotters and libraries of that project read.

Own code, because the library for Python has no wheel for some common machines (Linux on ARM), and reserves 200 kB for
every histogram. The tests read and write with that library.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
import zlib
from collections import Counter
from collections.abc import Iterator

MICROSECONDS = 1_000_000
HIGHEST = 86_400 * MICROSECONDS
"""Microseconds of the longest time; longer ones count as this."""

_DIGITS = 3
_HALF_BITS = 10
"""1,024 slots per doubling: the power of two that keeps three digits."""
_COOKIE, _COMPRESSED = 0x1C849313, 0x1C849314
_HEADER = struct.Struct(">IIIIQQd")
_MOST_BYTES = 1_000_000
"""A record is a foreign file: more than this is not unpacked."""


class Histogram:
    """How often which time was seen. Times are seconds, kept to the microsecond or three digits."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots: Counter[int] = Counter()

    def add(self, seconds: float, times: int = 1) -> None:
        """Count a time; a negative one counts as 0."""
        self._slots[_slot_of(min(max(round(seconds * MICROSECONDS), 0), HIGHEST))] += times

    def merge(self, other: Histogram) -> None:
        """Add all that another has counted."""
        self._slots.update(other._slots)

    @property
    def total(self) -> int:
        """How many times were counted."""
        return self._slots.total()

    def quantile(self, part: float) -> float | None:
        """The time that this part (0 to 1) of all does not exceed, in seconds; None when nothing was counted.

        Raises ValueError for a part outside 0 to 1.
        """
        if not 0 <= part <= 1:
            raise ValueError(f"a quantile of {part} cannot be: use 0 to 1")
        rank = max(1, math.ceil(part * self.total - 1e-9))
        for slot, reached in self._reached():
            if reached >= rank:
                return _highest_of(slot) / MICROSECONDS
        return None

    def mean(self) -> float | None:
        """Average in seconds; None when nothing was counted."""
        if not self._slots:
            return None
        sums = sum((_lowest_of(slot) + _highest_of(slot)) / 2 * count for slot, count in self._slots.items())
        return sums / self.total / MICROSECONDS

    def steps(self) -> Iterator[tuple[float, int]]:
        """Each time in seconds with how often it was seen, shortest first."""
        for slot in sorted(self._slots):
            yield _highest_of(slot) / MICROSECONDS, self._slots[slot]

    def encode(self) -> str:
        """As HdrHistogram's compressed V2 form in base64."""
        counts = b"".join(_written_counts(self._slots))
        payload = _HEADER.pack(_COOKIE, len(counts), 0, _DIGITS, 1, HIGHEST, 1.0) + counts
        packed = zlib.compress(payload)
        return base64.b64encode(struct.pack(">II", _COMPRESSED, len(packed)) + packed).decode("ascii")

    @classmethod
    def decode(cls, text: str) -> Histogram:
        """What `encode` wrote. Raises ValueError when it is something else."""
        histogram = cls()
        for slot, count in _read_counts(_unpacked(text)):
            histogram._slots[slot] = count
        return histogram

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self._slots == other._slots

    __hash__ = None  # type: ignore[assignment]  # it changes, so it is no key

    def __repr__(self) -> str:
        return f"Histogram(total={self.total}, median={self.quantile(0.5)})"

    def _reached(self) -> Iterator[tuple[int, int]]:
        """Each slot with how many times it and all below it hold."""
        reached = 0
        for slot in sorted(self._slots):
            reached += self._slots[slot]
            yield slot, reached


def _slot_of(microseconds: int) -> int:
    doubling = max(0, microseconds.bit_length() - _HALF_BITS - 1)
    return (doubling << _HALF_BITS) + (microseconds >> doubling)


def _lowest_of(slot: int) -> int:
    doubling = max(0, (slot >> _HALF_BITS) - 1)
    return (slot - (doubling << _HALF_BITS)) << doubling


def _highest_of(slot: int) -> int:
    return _lowest_of(slot + 1) - 1


_MOST_SLOTS = _slot_of(HIGHEST) + 1


def _written_counts(slots: Counter[int]) -> Iterator[bytes]:
    """Counts by slot as zigzag LEB128; a run of empty slots is one negative number."""
    following = 0
    for slot in sorted(slots):
        if slot > following:
            yield _leb128(2 * (slot - following) - 1)
        yield _leb128(2 * slots[slot])
        following = slot + 1


def _leb128(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _unpacked(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
        cookie, length = struct.unpack_from(">II", data)
        unpacker = zlib.decompressobj()
        payload = unpacker.decompress(data[8 : 8 + length], _MOST_BYTES)
        written, size, _, digits, lowest, _, ratio = _HEADER.unpack_from(payload)
    except (binascii.Error, struct.error, zlib.error, ValueError) as problem:
        raise ValueError(f"this is no histogram: {problem}") from problem
    if (cookie, written, digits, lowest, ratio) != (_COMPRESSED, _COOKIE, _DIGITS, 1, 1.0):
        raise ValueError("this is no HdrHistogram V2 of 3 digits from 1 microsecond on")
    return payload[_HEADER.size : _HEADER.size + size]


def _read_counts(data: bytes) -> Iterator[tuple[int, int]]:
    slot = position = 0
    while position < len(data):
        number, position = _number_at(data, position)
        if number & 1:
            slot += (number + 1) // 2
            continue
        if slot >= _MOST_SLOTS:
            raise ValueError(f"this histogram has times above {HIGHEST / MICROSECONDS:.0f} s")
        if number:
            yield slot, number // 2
        slot += 1


def _number_at(data: bytes, position: int) -> tuple[int, int]:
    """A LEB128 number and the position after it; its ninth byte is whole."""
    number = 0
    for shift in range(0, 63, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        if shift == 56:
            return number | byte << shift, position
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ValueError("this histogram ends within a number")
