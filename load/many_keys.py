"""Several keys take turns: whether each has a limit of its own."""

from __future__ import annotations

from typing import ClassVar

from _shell import LoadScenario
from affidavit.load.options import Shape


class ChatmaidManyKeys(LoadScenario):
    """Two keys of one account, and one of another."""

    provider = "chatmaid"
    shape = Shape(rate=6)
    roles: ClassVar = ("main", "second", "other_account")


class WhatsapiManyKeys(LoadScenario):
    """A key of each plan."""

    provider = "whatsapi"
    shape = Shape(rate=6)
    weights: ClassVar = {"list": 1.0}
    roles: ClassVar = ("main", "free", "basic", "pro", "enterprise", "other_account")
