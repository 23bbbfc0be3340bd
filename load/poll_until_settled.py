"""Sends, and asks for each message again and again until it is settled: what polling costs, and how long it takes."""

from __future__ import annotations

from _shell import LoadScenario


class ChatmaidPoll(LoadScenario):
    """Every message is followed until it is delivered or has failed."""

    provider = "chatmaid"
    follow = True


class WhatsapiPoll(LoadScenario):
    """Every message is followed until it is delivered or has failed."""

    provider = "whatsapi"
    follow = True
