"""A faithful imitation of Chatmaid; `machine` says how it works."""

from __future__ import annotations

from affidavit.sandbox.chatmaid.controls import CONTROLS
from affidavit.sandbox.chatmaid.machine import ChatmaidMachine
from affidavit.sandbox.chatmaid.options import Options
from affidavit.sandbox.chatmaid.recipients import RECIPIENTS

__all__ = ["CONTROLS", "RECIPIENTS", "ChatmaidMachine", "Options"]
