"""A rate that climbs in steps: where latency grows, and where 429s begin."""

from __future__ import annotations

from _shell import LoadScenario
from affidavit.load.options import Shape

FIVE_STEPS = Shape(rate=10, seconds=50, steps=5)


class ChatmaidStair(LoadScenario):
    """Sends, from 2 to 10 a second in five steps of ten seconds."""

    provider = "chatmaid"
    shape = FIVE_STEPS


class WhatsapiStair(LoadScenario):
    """Sends, from 2 to 10 a second in five steps of ten seconds."""

    provider = "whatsapi"
    shape = FIVE_STEPS
