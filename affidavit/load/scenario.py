"""What a scenario is: a row of choices. To add one, add a file under `load/` with a class for each provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from affidavit.errors import UsageError
from affidavit.load.flow import POLL, SEND, By
from affidavit.load.options import Shape
from affidavit.profile import MAIN

MIX: Mapping[str, float] = {SEND: 5.0, "list": 1.0, POLL: 4.0}
"""What an ordinary client asks: half sends, four tenths polls, one tenth lists."""


@dataclass(frozen=True)
class Scenario:
    """One scenario of one provider."""

    name: str
    provider: str
    weights: Mapping[str, float] = field(default_factory=lambda: {SEND: 1.0})
    """How often each request of the provider's recipe comes."""
    shape: Shape = field(default_factory=Shape)
    """The plan when nothing else is asked for."""
    follow: bool = False
    """Whether each message is polled until it is settled."""
    webhook: bool = False
    """Whether webhooks are taken, too."""
    patient: bool = True
    """Whether waits are kept and refused requests sent again."""
    roles: tuple[str, ...] = (MAIN,)
    """Keys to take turns, as far as there are such; else the main one."""

    @property
    def ways(self) -> tuple[By, ...]:
        """How messages are watched on their way."""
        polling: tuple[By, ...] = ("polling",) if self.follow or POLL in self.weights else ()
        return (*polling, "webhook") if self.webhook else polling


def roles_for(scenario: Scenario, asked: Sequence[str], keys: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of a run: those asked for, else those of the scenario that there are. Raises UsageError."""
    for role in asked:
        if role not in keys:
            raise UsageError(f"--roles names {role!r}, for which there is no key of {scenario.provider}; "
                             f"there are keys for {', '.join(keys)}")  # fmt: skip
    return tuple(asked) or tuple(role for role in scenario.roles if role in keys) or (MAIN,)
