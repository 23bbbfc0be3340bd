"""The sends that only WhatsAPI has: many at once, and for later."""

from __future__ import annotations

from typing import ClassVar

from _shell import LoadScenario


class WhatsapiBulk(LoadScenario):
    """Ten messages in each request."""

    provider = "whatsapi"
    weights: ClassVar = {"bulk": 1.0}


class WhatsapiScheduled(LoadScenario):
    """Messages for tomorrow."""

    provider = "whatsapi"
    weights: ClassVar = {"scheduled": 1.0}
