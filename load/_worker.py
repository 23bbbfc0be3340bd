"""The worker's side: plays the share that the master deals out, and reports what it counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from _conductor import DONE, END, SHARE, WAIT, asked_roles, wanted_by
from _player import Player, Role
from affidavit.errors import AffidavitError, KeysError
from affidavit.load.part import means_of
from affidavit.load.scenario import Scenario, roles_for
from affidavit.load.target import Target, embedded_target, real_targets


class Worker:
    """One worker process, for as long as it lives."""

    def __init__(self, environment: Environment, runner: WorkerRunner, known: Sequence[Scenario]) -> None:
        """Listen to the master."""
        self._environment, self._runner = environment, runner
        self._known = {one.name: one for one in known}
        self._player: Player | None = None
        self._number = 0
        runner.register_message(SHARE, lambda msg, **_: self._begin(msg.data))
        runner.register_message(WAIT, lambda msg, **_: self._hold(msg.data))
        runner.register_message(END, lambda msg, **_: self._end(msg.data["why"]))
        hooks: Any = environment.events  # which Locust has no types for
        hooks.report_to_master.add_listener(self._report)

    def _begin(self, share: Mapping[str, Any]) -> None:
        self._number = 0
        try:
            roles = self._roles(share)
            self._player = Player(
                roles,
                self._environment.stats,
                index=share["index"],
                of=share["of"],
                told_to_wait=lambda *wait: self._runner.send_message(WAIT, list(wait)),  # type: ignore[arg-type]  # anything msgpack knows
            )
        except AffidavitError as problem:
            self._player = None
            self._runner.send_message(DONE, self._word(broken=f"a worker cannot play its part: {problem}"))
            return
        self._player.start(share["delay"])
        gevent.spawn(self._finish, self._player)

    def _roles(self, share: Mapping[str, Any]) -> list[Role]:
        scenarios = [self._known[name] for name in share["scenarios"]]
        targets = {name: self._target(name, told, share["options"]) for name, told in share["targets"].items()}
        found = []
        for scenario in scenarios:
            target = targets[scenario.provider]
            roles = roles_for(scenario, asked_roles(share["options"]), target.keys)
            means = replace(means_of(share["options"], scenario, roles), budget=share["budgets"][scenario.name])
            found.append(Role(scenario, target, means))
        return found

    def _target(self, provider: str, told: Mapping[str, Any], options: Mapping[str, Any]) -> Target:
        """The master's target, with the keys that this process has. Raises KeysError."""
        if told["keys"] is not None:
            return replace(embedded_target(provider, told["base"], told["keys"]), variables=told["variables"])
        target = real_targets([provider], wanted_by(options, told["base"]))[provider]
        if target is None:
            raise KeysError(f"no key for {provider} where the worker runs")
        return replace(target, variables=told["variables"])

    def _finish(self, player: Player) -> None:
        player.finished.wait()
        self._runner.send_message(DONE, self._word(broken=player.broken))

    def _word(self, broken: str) -> dict[str, Any]:
        player, self._player = self._player, None
        return {
            "number": self._number,
            "results": [one.dump() for one in player.take()] if player else [],
            "broken": broken,
            "troubles": player.troubles if player else [],
        }

    def _report(self, data: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - what Locust may add
        if self._player is not None:
            results = [one.dump() for one in self._player.take()]
            data["affidavit"] = {"number": self._number, "results": results}
            self._number += 1

    def _end(self, why: str) -> None:
        if self._player is not None:
            self._player.stop(why)

    def _hold(self, wait: Sequence[Any]) -> None:
        if self._player is not None:
            provider, role, seconds, promised = wait
            self._player.hold(provider, role, seconds, promised=promised)
