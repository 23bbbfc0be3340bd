"""Only sends: how many a key gets through."""

from __future__ import annotations

from _shell import LoadScenario


class ChatmaidSend(LoadScenario):
    """Texts to a reserved number."""

    provider = "chatmaid"


class WhatsapiSend(LoadScenario):
    """Texts to a reserved number; simulated off the sandbox."""

    provider = "whatsapi"
