"""Sends, and watches each message by polling and by webhook at once: which tells sooner, and which misses."""

from __future__ import annotations

from typing import ClassVar

from _shell import LoadScenario


class WhatsapiWebhook(LoadScenario):
    """With the key of an account whose webhook may be changed, which is set before the first send."""

    provider = "whatsapi"
    follow = True
    webhook = True
    roles: ClassVar = ("sacrificial",)
