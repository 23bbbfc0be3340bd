from __future__ import annotations

from collections.abc import Callable

import pytest

from affidavit.errors import UsageError
from affidavit.load import options
from affidavit.load.arrivals import Plan, Stage
from affidavit.load.options import Shape


@pytest.mark.parametrize(("text", "value"), [("5", 5.0), ("5/s", 5.0), ("300/m", 5.0), ("18000/h", 5.0), ("0.5", 0.5)])
def test_a_rate_is_per_second_however_it_is_written(text: str, value: float) -> None:
    assert options.rate(text, "--rate") == value


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90.0), ("1.5s", 1.5), ("500ms", 0.5), ("5m", 300.0), ("2h", 7200.0)]
)
def test_a_span_is_in_seconds_however_it_is_written(text: str, value: float) -> None:
    assert options.seconds(text, "--duration") == value


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (options.rate, "0", "--x is '0', expected a rate above 0"),
        (options.rate, "-5", "--x is '-5', expected a rate"),
        (options.rate, "1e9", "expected a rate"),
        (options.rate, "100001", "expected a rate"),
        (options.rate, "nan", "expected a rate"),
        (options.seconds, "0s", "--x is '0s', expected a span"),
        (options.seconds, "8000h", "expected a span"),
        (options.count, "0", "--x is '0', expected a whole number from 1"),
        (options.count, "٣", "expected a whole number"),
        (options.stages, "30s", "expected stages such as 30s:5"),
        (options.stages, "30s:0", "expected at least one rate above 0"),
        (options.stages, "30s:5-x", "--x is 'x', expected a rate"),
        (lambda text, where: options.weights(text, where, ["send"]), "list=1", "expected weights of some of send"),
        (lambda text, where: options.weights(text, where, ["send"]), "send=0", "expected at least one weight above 0"),
        (lambda text, where: options.choice(text, where, ["constant"]), "constnt", "(did you mean constant?)"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_was_expected(
    read: Callable[[str, str], object], text: str, message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read(text, "--x")
    assert message in str(refused.value)


def test_stages_are_flat_or_ramps() -> None:
    assert options.stages("30s:5, 1m:5-20,10s:0", "--stages") == (
        Stage(30, 5, 5), Stage(60, 5, 20), Stage(10, 0, 0),
    )  # fmt: skip


def test_weights_are_read_by_name() -> None:
    assert options.weights("send=5,poll=0.5", "--weights", ["send", "list", "poll"]) == {"send": 5.0, "poll": 0.5}


def test_a_plan_is_the_scenario_s_own_where_nothing_is_asked() -> None:
    shape = Shape(rate=10, seconds=50, steps=5)
    assert options.plan(shape, {"rate": "", "stages": ""}).stages == tuple(Stage(10, 2 * n, 2 * n) for n in range(1, 6))
    assert options.plan(Shape(group=20), {"rate": "2", "duration": "30s"}) == Plan((Stage(30, 2, 2),), "constant", 20)
    assert options.plan(shape, {"stages": "9s:1", "arrivals": "poisson"}) == Plan((Stage(9, 1, 1),), "poisson")


def test_stages_and_a_rate_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="--stages and --rate are both given"):
        options.plan(Shape(), {"stages": "9s:1", "rate": "5"})


def test_a_key_typed_in_the_wrong_place_is_not_shown() -> None:
    with pytest.raises(UsageError) as refused:
        options.rate("sk_live_0123456789abcdef0123456789abcdef", "--rate")
    assert "0123456789abcdef" not in str(refused.value)
