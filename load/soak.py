"""The mix at a low rate for a long time: what leaks, tires or drifts."""

from __future__ import annotations

from typing import ClassVar

from _shell import LoadScenario
from affidavit.load.options import Shape
from affidavit.load.scenario import MIX

AN_HOUR = Shape(rate=0.5, seconds=3600)


class ChatmaidSoak(LoadScenario):
    """The mix, 30 a minute for an hour."""

    provider = "chatmaid"
    weights: ClassVar = MIX
    shape = AN_HOUR


class WhatsapiSoak(LoadScenario):
    """The mix, 30 a minute for an hour."""

    provider = "whatsapi"
    weights: ClassVar = MIX
    shape = AN_HOUR
