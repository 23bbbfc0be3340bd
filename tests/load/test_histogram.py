from __future__ import annotations

import base64
import random
import struct
import zlib

import pytest

from affidavit.load.histogram import HIGHEST, MICROSECONDS, Histogram

FROM_HDRHISTOGRAM = "HISTFAAAACp4nJNpmSzMwMDAxQABzFCaEYhFZK8nMNh/gAow7e1jZFl8h5EJAIEcBsE="
"""By hdrhistogram 0.10.8, of 1 to 86,400,000,000 microseconds: 1 once, 250,000 twice, 3,600,000,000 once."""


def of(*seconds: float) -> Histogram:
    histogram = Histogram()
    for one in seconds:
        histogram.add(one)
    return histogram


def spread(seed: int, count: int) -> list[int]:
    """Microseconds, as many of each order of magnitude."""
    chance = random.Random(seed)  # noqa: S311 - chance in a test keeps no secret
    return [int(10 ** chance.uniform(0, 10.9)) for _ in range(count)]


def test_a_quantile_is_the_time_of_that_rank() -> None:
    hundred = of(*(number / MICROSECONDS for number in range(1, 101)))
    assert hundred.quantile(0.5) == 0.000050
    assert hundred.quantile(0.95) == 0.000095
    assert hundred.quantile(0.951) == 0.000096  # more than 95 of 100 is the 96th
    assert hundred.quantile(0) == 0.000001
    assert hundred.quantile(1) == 0.0001


@pytest.mark.parametrize("microseconds", [1, 2047, 2048, 4095, 4096, 65_535, 999_999_999, HIGHEST])
def test_a_time_keeps_three_digits(microseconds: int) -> None:
    kept = of(microseconds / MICROSECONDS).quantile(0.5)
    assert kept is not None
    assert 0 <= kept - microseconds / MICROSECONDS <= microseconds / MICROSECONDS / 1000


def test_times_out_of_range_count_as_the_nearest() -> None:
    assert of(-0.5).quantile(1) == 0
    assert of(10 * HIGHEST) == of(HIGHEST / MICROSECONDS)


def test_nothing_counted_has_no_quantile_and_no_mean() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram().mean() is None
    assert Histogram.decode(Histogram().encode()) == Histogram()


def test_the_mean_is_that_of_the_slots() -> None:
    assert of(1.0, 2.0, 3.0).mean() == pytest.approx(2.0, rel=0.001)


def test_a_quantile_outside_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a quantile of 95 cannot be: use 0 to 1"):
        Histogram().quantile(95)


def test_merged_parts_are_the_whole() -> None:
    times = [one / MICROSECONDS for one in spread(seed=1, count=1000)]
    merged = of(*times[:300])
    merged.merge(of(*times[300:]))
    assert merged == of(*times)
    assert merged.total == 1000


def test_what_is_written_is_read_back() -> None:
    whole = of(*(one / MICROSECONDS for one in spread(seed=2, count=5000)))
    whole.add(0.25, times=10**12)
    assert Histogram.decode(whole.encode()) == whole


def test_the_reference_library_is_read() -> None:
    assert list(Histogram.decode(FROM_HDRHISTOGRAM).steps()) == [(0.000001, 1), (0.250111, 2), (3600.809983, 1)]


def test_the_reference_library_and_we_read_each_other() -> None:
    hdrh = pytest.importorskip("hdrh.histogram", reason="hdrhistogram has no wheel for this machine")
    theirs, ours = hdrh.HdrHistogram(1, HIGHEST, 3), Histogram()
    for microseconds in spread(seed=3, count=5000):
        theirs.record_value(microseconds)
        ours.add(microseconds / MICROSECONDS)
    assert Histogram.decode(theirs.encode().decode()) == ours
    read = hdrh.HdrHistogram.decode(ours.encode())
    assert read.get_total_count() == 5000
    for part in (0.5, 0.9, 0.99, 1.0):
        assert read.get_value_at_percentile(100 * part) == pytest.approx((ours.quantile(part) or 0) * MICROSECONDS)


def forged(counts: bytes, digits: int = 3) -> str:
    payload = struct.pack(">IIIIQQd", 0x1C849313, len(counts), 0, digits, 1, HIGHEST, 1.0) + counts
    packed = zlib.compress(payload)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed).decode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no histogram"),
        ("%%%", "no histogram"),
        (base64.b64encode(b"HIST").decode(), "no histogram"),
        (base64.b64encode(b"\0" * 100).decode(), "no histogram"),
        (forged(b"", digits=2), "3 digits"),
        (forged(b"\x80"), "ends within a number"),
        (forged(b"\xff\xff\xff\x7f\x02"), "times above 86400 s"),
    ],
)
def test_what_is_no_histogram_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Histogram.decode(text)
