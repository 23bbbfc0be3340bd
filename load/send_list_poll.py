"""The mix of an ordinary client: sends, looks through the list, and asks what became of its messages."""

from __future__ import annotations

from typing import ClassVar

from _shell import LoadScenario
from affidavit.load.scenario import MIX


class ChatmaidMix(LoadScenario):
    """Half sends, four tenths polls of earlier messages, one tenth lists."""

    by_default = True
    provider = "chatmaid"
    weights: ClassVar = MIX


class WhatsapiMix(LoadScenario):
    """Half sends, four tenths polls of earlier messages, one tenth lists."""

    by_default = True
    provider = "whatsapi"
    weights: ClassVar = MIX
