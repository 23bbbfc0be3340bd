"""Takes webhooks during a run: has them registered, and tells the scenarios what they say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from secrets import token_urlsafe
from typing import Any, Self

from affidavit.errors import TargetError, UsageError
from affidavit.load.flow import Flow
from affidavit.load.options import count, given
from affidavit.load.recipe import Asked, Webhook
from affidavit.load.target import CHECK, Target, ask
from affidavit.pointer import first
from affidavit.receiver import Receiver
from affidavit.safety import SACRIFICIAL

PORT = 8700


class _Stopwatch:
    """The clock of the schedules, for the receiver."""

    def now(self) -> float:
        """Seconds of the clock that dates the requests."""
        return time.perf_counter()

    def monotonic(self) -> float:
        """The same."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Hooks:
    """The receiver of this process, and where the world finds it."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Prepare it; a public address is needed for a real target alone. Raises UsageError."""
        self._public = str(options.get("receiver") or "").rstrip("/")
        port = given(options, "receiver_port", count, PORT) if self._public else 0
        self._receiver = Receiver(_Stopwatch(), token_urlsafe(24), port=port)

    def start(self) -> Self:
        """Listen."""
        self._receiver.start()
        return self

    def stop(self) -> None:
        """Listen no more."""
        self._receiver.stop()

    @property
    def base(self) -> str:
        """What an embedded sandbox must accept as the prefix of webhook addresses."""
        return self._receiver.base

    def register(self, target: Target, role: str, timeout: float) -> None:
        """Have changes of messages told here. Raises UsageError, RefusedError and TargetError."""
        webhook = target.recipe.webhook
        if webhook is None:
            raise UsageError(f"{target.provider} documents no way to register a webhook")
        if not (target.policy.embedded or self._public):
            raise UsageError("webhooks of a real target need --receiver with a public https address")
        url = self._receiver.url if target.policy.embedded else self._public + self._receiver.path
        asked = Asked("webhook", webhook.operation, {}, {}, webhook.body, None, None)
        told = replace(target, variables={role: {**target.variables.get(role, {}), "receiver_url": url}})
        wording = told.writer(role).word(asked, role, target.keys[role])
        answer = ask(target, wording.head, timeout)
        if not 200 <= answer.status < 300:
            raise TargetError(f"{target.base} answers {wording.operation} with {answer.status}, expected 2xx; {CHECK}")

    def tell(self, began: float, webhook: Webhook, flows: Iterable[Flow]) -> None:
        """Pass on what has arrived since the last call; `began` is when the schedules' clocks showed 0."""
        flows = list(flows)
        for arrival in self._receiver.take():
            try:
                event = json.loads(arrival.body)
            except (ValueError, RecursionError):
                continue
            message, state = first(event, webhook.message), first(event, webhook.state)
            if isinstance(message, str) and isinstance(state, str):
                for flow in flows:
                    flow.told(message, state, arrival.at - began)


def role_for_hooks(keys: Mapping[str, str]) -> None:
    """Raises UsageError when there is no key whose webhook may be changed."""
    if SACRIFICIAL not in keys:
        raise UsageError(f"webhooks need a key of the role {SACRIFICIAL!r}: one whose account may be changed")
