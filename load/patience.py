"""A client that keeps the waits it is asked for, and one that does not; run both to see them side by side.

Each has a key of its own where there are two, so that neither pays for the other.
"""

from __future__ import annotations

from typing import ClassVar

from _shell import LoadScenario
from affidavit.load.options import Shape

TOO_MUCH = Shape(rate=5, seconds=90)


class ChatmaidPatient(LoadScenario):
    """Waits as long as a 429 asks, then sends again."""

    provider = "chatmaid"
    shape = TOO_MUCH


class ChatmaidImpatient(LoadScenario):
    """Goes on as if nothing were said."""

    provider = "chatmaid"
    shape = TOO_MUCH
    patient = False
    roles: ClassVar = ("second",)


class WhatsapiPatient(LoadScenario):
    """Waits as long as a 429 asks, then sends again."""

    provider = "whatsapi"
    shape = TOO_MUCH


class WhatsapiImpatient(LoadScenario):
    """Goes on as if nothing were said."""

    provider = "whatsapi"
    shape = TOO_MUCH
    patient = False
    roles: ClassVar = ("pro",)
