from __future__ import annotations

import threading
import time

import pytest

from affidavit.clock import SystemClock, VirtualClock

START = 1_900_000_000.25


def test_the_system_clock_shows_the_system_s_time() -> None:
    before = time.time()
    shown = SystemClock().now()
    assert before <= shown <= time.time()


def test_the_system_clock_stands_still_while_the_system_s_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 40.0, 99.0, 101.0])
    monkeypatch.setattr(time, "time", lambda: next(moments))
    clock = SystemClock()
    assert [clock.now() for _ in range(4)] == [100.0, 100.0, 100.0, 101.0]


def test_the_system_clock_sleeps_and_measures_as_the_system_does(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: 7.5)
    clock = SystemClock()
    clock.sleep(3600)
    assert (slept, clock.monotonic()) == ([3600], 7.5)


def test_a_virtual_clock_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(START)
    assert (clock.now(), clock.now(), clock.monotonic()) == (START, START, 0)
    assert clock.advance(2.5) == START + 2.5
    clock.sleep(0.5)
    assert (clock.now(), clock.monotonic()) == (START + 3, 3)


def test_a_tick_is_a_millisecond() -> None:
    clock = VirtualClock(0)
    assert clock.tick() == clock.now() == 0.001


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan")])
def test_a_virtual_clock_refuses_to_go_back(seconds: float) -> None:
    clock = VirtualClock(START)
    with pytest.raises(ValueError, match="use 0 or more"):
        clock.advance(seconds)
    assert clock.now() == START


def test_a_virtual_clock_reaches_a_moment_exactly_where_a_difference_would_be_rounded() -> None:
    assert VirtualClock(0.2).advance(0.9 - 0.2) == 0.8999999999999999
    assert VirtualClock(0.2).advance_to(0.9) == 0.9


def test_a_virtual_clock_that_is_later_already_stays_there() -> None:
    clock = VirtualClock(START)
    assert clock.advance_to(START - 10) == clock.now() == START


def test_no_step_is_lost_when_threads_share_a_virtual_clock() -> None:
    clock = VirtualClock(0)
    threads = [threading.Thread(target=lambda: [clock.advance(1) for _ in range(1000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now() == 8000
