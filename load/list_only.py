"""Only lists: what reading costs of the limit, and how long it takes when there is much to list."""

from __future__ import annotations

from typing import ClassVar

from _shell import LoadScenario


class ChatmaidList(LoadScenario):
    """The first page of the messages."""

    provider = "chatmaid"
    weights: ClassVar = {"list": 1.0}


class WhatsapiList(LoadScenario):
    """The first page of the messages."""

    provider = "whatsapi"
    weights: ClassVar = {"list": 1.0}
