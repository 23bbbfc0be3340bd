"""Twenty requests at the same moment, then nothing for a while: are they taken, refused, or slowed down."""

from __future__ import annotations

from typing import ClassVar

from _shell import LoadScenario
from affidavit.load.options import Shape

EVERY_TEN_SECONDS = Shape(rate=2, seconds=30, group=20)


class ChatmaidBurst(LoadScenario):
    """Twenty sends every ten seconds."""

    provider = "chatmaid"
    shape = EVERY_TEN_SECONDS


class WhatsapiBurst(LoadScenario):
    """Twenty lists every ten seconds."""

    provider = "whatsapi"
    weights: ClassVar = {"list": 1.0}
    shape = EVERY_TEN_SECONDS
