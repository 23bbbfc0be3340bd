"""Runs the scenarios: chooses targets, deals out the parts, waits for their ends, and writes what came.

    alone      conductor ─► player
    together   conductor on the master ─► (share) ─► player on each worker ─► (reports, end) ─► conductor

A worker reports what it counted since its last report, with a number; its last word says how many reports there were.
Only when none is missing does the run count as whole.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import gevent
from gevent.event import Event
from locust import log
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import STATE_MISSING, MasterRunner, Runner
from locust.web import WebUI

from _dispatching import OnePerProcess
from _hooks import Hooks, role_for_hooks
from _player import Player, Role
from affidavit.errors import AffidavitError, ExitCode, SandboxError, TargetError, UsageError
from affidavit.keys import checked_recipient
from affidavit.load.arrivals import shares
from affidavit.load.dispatch import FAILED_ITSELF, NOT_LET_IN
from affidavit.load.options import count, given, told
from affidavit.load.part import means_of
from affidavit.load.results import Results, line_of
from affidavit.load.scenario import Scenario, roles_for
from affidavit.load.target import Sandbox, Target, Wanted, prepare, real_targets
from affidavit.load.thresholds import Threshold, exit_code, judged, read_threshold
from affidavit.recorder import RECORD, Recorder
from affidavit.redaction import Redactor, masked
from affidavit.report.files import mark_latest
from affidavit.report.load import show_load, write_load
from affidavit.report.load_html import picture
from affidavit.words import counted

ALONE_DELAY, TOGETHER_DELAY = 0.5, 1.0
"""Seconds until the schedules begin: long enough for every process to get ready, and for Locust to start its users."""
STARTED_SECONDS = 0.5
"""After so long Locust has started its users, and can be stopped."""
GOODBYE_SECONDS = 8.0
LOOK_SECONDS = 0.25
LOST_SECONDS = 10.0
"""After Locust has missed a worker for so long it is lost; a busy machine keeps one silent for some seconds."""
SHARE, WAIT, END, DONE = "affidavit-share", "affidavit-wait", "affidavit-end", "affidavit-done"
REASONS = {FAILED_ITSELF: ExitCode.INTERNAL, NOT_LET_IN: ExitCode.USAGE}
"""What some words, in the reason why a run was broken off, make of its exit code."""
STOPPED = "stopped before the plan was done"


def wanted_by(options: Mapping[str, Any], host: str | None) -> Wanted:
    """What the options say of targets. Raises KeysError."""
    recipient = options.get("recipient") or None
    return Wanted(
        host or None,
        Path(options["keys"]) if options.get("keys") else None,
        frozenset(options.get("allow") or ()),
        checked_recipient(recipient, "--recipient") if recipient else None,
    )


def asked_roles(options: Mapping[str, Any]) -> list[str]:
    """The keys that were asked for by role."""
    return [word.strip() for word in str(options.get("roles") or "").split(",") if word.strip()]


class Conductor:
    """The scenarios of one Locust, for as long as it lives; `run` is the present or the latest run."""

    def __init__(
        self, environment: Environment, runner: Runner, web_ui: WebUI | None, known: Sequence[Scenario]
    ) -> None:
        """Check everything that can be checked before anything is asked. Raises UsageError and KeysError."""
        self.environment, self.runner, self.web_ui = environment, runner, web_ui
        self.known = {one.name: one for one in known}
        self.run: Run | None = None
        self._sandbox: Sandbox | None = None
        self.hooks: Hooks | None = None
        options = self.options
        if options.get("run_time"):  # ours waits for what is under way; Locust's would cut it off
            options["duration"], options["run_time"] = f"{options['run_time']}s", None
        self.thresholds = [read_threshold(text, self.known) for text in options.get("threshold") or ()]
        for scenario in self.chosen():
            means_of(options, scenario, ())
        try:
            self._open()
        except BaseException:
            self._shut()
            raise
        environment.dispatcher_class = OnePerProcess.on(environment)  # type: ignore[assignment]  # called like the class
        hooks: Any = environment.events  # which Locust has no types for
        hooks.test_start.add_listener(lambda **_: self.begin())
        hooks.test_stopping.add_listener(lambda **_: self.end(STOPPED))
        hooks.quitting.add_listener(lambda **_: self.leave())
        hooks.quit.add_listener(lambda **_: self.show())
        if isinstance(runner, MasterRunner):
            runner.register_message(DONE, lambda msg, **_: self._done(msg.node_id, msg.data))
            runner.register_message(WAIT, lambda msg, **_: self._pass_on(msg.node_id, msg.data))
            hooks.worker_report.add_listener(self._report)

    @property
    def options(self) -> dict[str, Any]:
        """All options as they are now; the web UI changes them."""
        return vars(self.environment.parsed_options)

    def chosen(self) -> list[Scenario]:
        """The scenarios to run."""
        return [self.known[one.__name__] for one in self.environment.user_classes if one.__name__ in self.known]

    def begin(self) -> None:
        """A run starts: everything is read anew, since the web UI may have changed it."""
        try:
            self.run = Run(self, self._roles())
            self.run.start()
        except AffidavitError as problem:
            self._give_up(problem)
        except Exception as problem:  # noqa: BLE001 - Locust would swallow it, and wait for ever
            traceback.print_exc()
            self._give_up(SandboxError(f"{FAILED_ITSELF}: {type(problem).__name__}"))

    def end(self, why: str) -> None:
        """The run is to end now; returns when it has."""
        if self.run is not None:
            self.run.end(why)

    def leave(self) -> None:
        """Locust ends: say how it went, and stop the sandbox."""
        self.end("interrupted")
        self._shut()
        crashed = bool(self.runner.exceptions) or log.unhandled_greenlet_exception
        if crashed:
            self.environment.process_exit_code = int(ExitCode.INTERNAL)
        elif self.run is not None and self.environment.process_exit_code is None:
            self.environment.process_exit_code = self.run.exit_code

    def show(self) -> None:
        """The summary, after Locust's own tables."""
        if self.run is not None and self.run.lines:
            show_load(self.run.lines, self.run.folder, self.run.broken, written=self.run.written)

    def _open(self) -> None:
        """Start what has to be there before the first run. Raises UsageError, KeysError and SandboxError."""
        may_be_asked = list(self.known.values()) if self.web_ui else self.chosen()
        if not isinstance(self.runner, MasterRunner) and any(one.webhook for one in may_be_asked):
            self.hooks = Hooks(self.options).start()
        wanted = wanted_by(self.options, self.environment.host)
        if self.web_ui and wanted.host:
            return  # which provider it is shows when scenarios are chosen
        targets = real_targets(list(dict.fromkeys(one.provider for one in may_be_asked)), wanted)
        self._embed([provider for provider, target in targets.items() if target is None])
        self._announce(targets)

    def _shut(self) -> None:
        """Stop what `_open` started."""
        if self._sandbox is not None:
            self._sandbox.stop()
        if self.hooks is not None:
            self.hooks.stop()

    def picture(self) -> dict[str, Any]:
        """What has come so far, for the web UI."""
        return picture([]) if self.run is None else picture(self.run.so_far(), self.run.broken)

    def _roles(self) -> list[Role]:
        """Every chosen scenario with its target and means."""
        options = self.options
        scenarios = self.chosen()
        if not scenarios:
            raise UsageError(f"no scenario is chosen; there are {', '.join(self.known)}")
        targets = self._targets(list(dict.fromkeys(one.provider for one in scenarios)))
        found = []
        for scenario in scenarios:
            target = targets[scenario.provider]
            roles = roles_for(scenario, asked_roles(options), target.keys)
            found.append(Role(scenario, target, means_of(options, scenario, roles)))
        found = _within_budget(found)
        ready = {name: self._prepared(target, found) for name, target in targets.items()}
        found = [replace(one, target=ready[one.scenario.provider]) for one in found]
        for one in found:
            if one.scenario.webhook:
                self._hook(one)
        return found

    def _hook(self, role: Role) -> None:
        """Have webhooks sent here. Raises UsageError, RefusedError and TargetError."""
        if self.hooks is None:
            raise UsageError(f"{role.scenario.name} takes webhooks, which one process alone can: leave --processes out")
        role_for_hooks(role.target.keys)
        for one in role.means.roles:
            self.hooks.register(role.target, one, role.means.timeout)

    def _targets(self, providers: list[str]) -> dict[str, Target]:
        targets = real_targets(providers, wanted_by(self.options, self.environment.host))
        missing = [provider for provider, target in targets.items() if target is None]
        self._embed(missing)
        embedded = self._sandbox.targets if self._sandbox else {}
        if missing and self._sandbox and not self._sandbox.is_running:
            raise TargetError("the embedded sandbox has ended; start Locust again")
        return {provider: target or embedded[provider] for provider, target in targets.items()}

    def _prepared(self, target: Target, roles: Sequence[Role]) -> Target:
        timeouts = {role: one.means.timeout for one in roles if one.target is target for role in one.means.roles}
        return replace(target, variables={role: prepare(target, role, most) for role, most in timeouts.items()})

    def _embed(self, providers: Sequence[str]) -> None:
        """Start the embedded sandbox, once."""
        if not providers or self._sandbox is not None:
            return
        options = self.options
        limit = given(options, "sandbox_limit", count, None)
        names = sorted({one.provider for one in self.known.values()}) if self.web_ui else providers
        hooks = self.hooks.base if self.hooks else None
        self._sandbox = Sandbox(names, options.get("fault") or (), limit, hooks)
        self._sandbox.start()

    def _announce(self, targets: Mapping[str, Target | None]) -> None:
        for provider, target in targets.items():
            if target is not None:
                click.echo(f"{provider}: asks {target.base} with the keys {', '.join(target.keys)}", err=True)
            elif self._sandbox is not None:
                base = self._sandbox.targets[provider].base
                click.echo(f"{provider}: asks the embedded sandbox at {base}", err=True)

    def _give_up(self, problem: AffidavitError) -> None:
        """Nothing can be run as asked: one line, and without a web UI the end."""
        click.echo(masked(f"affidavit: {problem}"), err=True)
        self.run = None
        if self.web_ui is None:
            self.environment.process_exit_code = int(problem.exit_code)
            gevent.spawn(self.runner.quit)
        else:
            gevent.spawn_later(STARTED_SECONDS, self.runner.stop)

    def _report(self, client_id: str, data: Mapping[str, Any]) -> None:
        if self.run is not None and "affidavit" in data:
            self.run.report(client_id, data["affidavit"])

    def _done(self, client_id: str, data: dict[str, Any]) -> None:
        if self.run is not None:
            self.run.done(client_id, data)

    def _pass_on(self, sender: str, wait: Any) -> None:  # noqa: ANN401 - a message of ours
        """Tell the other workers that a key must wait."""
        if isinstance(self.runner, MasterRunner):
            _send(self.runner, WAIT, wait, [client.id for client in self.runner.clients.all if client.id != sender])


def _within_budget(roles: Sequence[Role]) -> list[Role]:
    """The scenarios with what each may ask of the budget of all, without what prepares the run. Raises UsageError."""
    whole = roles[0].means.budget
    if whole is None:
        return list(roles)
    asked = {(one.target.provider, role) for one in roles if one.target.recipe.prepare for role in one.means.roles}
    before = len(asked) + sum(len(one.means.roles) for one in roles if one.scenario.webhook)
    if whole < before + len(roles):
        raise UsageError(
            f"--budget is {whole}, expected {before + len(roles)} or more: {counted(before, 'request')} "
            f"to prepare the run, and one for each of {counted(len(roles), 'scenario')}"
        )
    dealt = shares(whole - before, len(roles))
    return [replace(one, means=replace(one.means, budget=part)) for one, part in zip(roles, dealt, strict=True)]


def _send(runner: MasterRunner, kind: str, data: Any, workers: Sequence[str]) -> None:  # noqa: ANN401 - anything msgpack knows
    """Send to those that are still there."""
    for worker in workers:
        client = runner.clients.get(worker)
        if client is not None and client.state != STATE_MISSING:
            with suppress(RPCError):  # it went away just now, which is noticed elsewhere
                runner.send_message(kind, data, worker)


class Run:
    """One run of the chosen scenarios, from the first to the last of all processes."""

    def __init__(self, conductor: Conductor, roles: Sequence[Role]) -> None:
        """Open the record; nothing is sent yet."""
        self.conductor, self.roles = conductor, roles
        self.broken = ""
        """Why it proves nothing."""
        self.lines: list[dict[str, Any]] = []
        """What came, when it is over."""
        self.totals = {role.scenario.name: Results(role.scenario.provider, role.scenario.name) for role in roles}
        """What has come so far."""
        self.ended = Event()
        self.folder = Path(conductor.options.get("out") or "reports/load")
        self.player: Player | None = None
        self._ending = False
        self._told_to_end = False
        """Whether Locust is ending it, so that nobody has to end Locust."""
        self._workers: dict[str, list[int]] = {}
        """Worker -> numbers of the reports that came from it."""
        self._last: dict[str, dict[str, Any]] = {}
        """Worker -> its last word."""
        self._missed: dict[str, float] = {}
        """Worker -> since when nothing is heard of it."""
        self._troubles: list[str] = []
        self._began = time.monotonic()
        keys = {f"{one.scenario.provider}-{role}": key for one in roles for role, key in one.target.keys.items()}
        self.written = False
        """Whether the files of the run are whole."""
        try:
            self._recorder = Recorder(self.folder / RECORD, self._manifest(Redactor(keys)), alone=True)
        except BlockingIOError as problem:
            raise UsageError(f"another run writes to {self.folder} now: name another folder with --out") from problem
        except OSError as problem:
            why = problem.strerror or problem
            raise UsageError(f"{self.folder} takes no results ({why}): name another folder with --out") from problem

    def start(self) -> None:
        """Let all processes begin, and watch over them. Raises UsageError and TargetError."""
        runner = self.conductor.runner
        if isinstance(runner, MasterRunner):
            self._deal(runner)
        else:
            self.player = Player(self.roles, self.conductor.environment.stats, hooks=self.conductor.hooks)
            self.player.start(ALONE_DELAY)
        self._began = time.monotonic() + (ALONE_DELAY if self.player else TOGETHER_DELAY)
        gevent.spawn(self._watch).link_exception(self._crashed)

    def report(self, worker: str, data: Mapping[str, Any]) -> None:
        """Count what a worker has counted."""
        if worker in self._workers and not self.ended.is_set():
            self._workers[worker].append(data["number"])
            for one in data["results"]:
                results = Results.load(one)
                self.totals[results.scenario].merge(results)

    def done(self, worker: str, data: dict[str, Any]) -> None:
        """A worker has said its last word."""
        self.report(worker, data)
        self._last[worker] = data

    def end(self, why: str) -> None:
        """End it early, and wait for what is on its way."""
        if self.ended.is_set():
            return
        if not self._ending:
            self._ending = self._told_to_end = True
            self.broken = self.broken or why
            self._tell_all(why)
        self.ended.wait(GOODBYE_SECONDS)
        self._close()

    @property
    def exit_code(self) -> int:
        """What the process tells its caller."""
        for words, code in REASONS.items():
            if words in self.broken:
                return int(code)
        if self.broken == "interrupted":
            return int(ExitCode.INTERRUPTED)
        return int(exit_code(self.lines, complete=not self.broken))

    def so_far(self) -> list[dict[str, Any]]:
        """What came, or would if it ended now."""
        seconds = time.monotonic() - self._began
        return self.lines or [self._line(role, seconds) for role in self.roles]

    def _deal(self, runner: MasterRunner) -> None:
        workers = sorted(client.id for client in runner.clients.ready)
        targets = {
            role.scenario.provider: {
                "base": role.target.base,
                "variables": {name: dict(values) for name, values in role.target.variables.items()},
                # Keys of the sandbox are worth nothing elsewhere; others never travel, each process reads its own.
                "keys": dict(role.target.keys) if role.target.policy.embedded else None,
            }
            for role in self.roles
        }
        self._workers = {worker: [] for worker in workers}
        for index, worker in enumerate(workers):
            share = {
                "index": index,
                "of": len(workers),
                "delay": TOGETHER_DELAY,
                "scenarios": [role.scenario.name for role in self.roles],
                "targets": targets,
                "budgets": {role.scenario.name: role.means.budget for role in self.roles},
                "options": {name: self.conductor.options.get(name) for name in SHARED_OPTIONS},
            }
            runner.send_message(SHARE, share, worker)

    def _watch(self) -> None:
        """Wait until every process is done, or one is lost."""
        while not self._is_done():
            gevent.sleep(LOOK_SECONDS)
            if self.player is not None:
                for results in self.player.take():
                    self.totals[results.scenario].merge(results)
            self._look_for_the_lost()
        if self.player is not None:
            for results in self.player.take():
                self.totals[results.scenario].merge(results)
            self.broken = self.broken or self.player.broken
            self._troubles += self.player.troubles
        self._ending = True
        self._close()
        if not self._told_to_end:
            conductor = self.conductor
            gevent.spawn(conductor.runner.quit if conductor.web_ui is None else conductor.runner.stop)

    def _crashed(self, greenlet: Any) -> None:  # noqa: ANN401 - a greenlet of whatever kind
        """A mistake of ours: the run must end all the same."""
        log.unhandled_greenlet_exception = True
        self.end(f"{FAILED_ITSELF}: {type(greenlet.exception).__name__}")
        gevent.spawn(self.conductor.runner.quit)

    def _is_done(self) -> bool:
        if self.player is not None:
            return self.player.finished.is_set()
        return self._workers.keys() <= self._last.keys()

    def _look_for_the_lost(self) -> None:
        runner = self.conductor.runner
        if not isinstance(runner, MasterRunner):
            return
        for worker in [one for one in self._workers if one not in self._last]:
            client = runner.clients.get(worker)
            if client is not None and client.state != STATE_MISSING:
                self._missed.pop(worker, None)
                continue
            missed = self._missed.setdefault(worker, time.monotonic())
            if client is not None and time.monotonic() - missed < LOST_SECONDS:
                continue
            self._last[worker] = {}
            runner.clients.pop(worker, None)  # Locust would try to send it a goodbye, and stay when it cannot
            if not self._ending:
                self._ending = True
                seconds = time.monotonic() - self._began
                self._note(f"a worker was lost after {seconds:.0f} s, and with it what it had not reported")
                self._tell_all("another worker was lost")

    def _tell_all(self, why: str) -> None:
        runner = self.conductor.runner
        if self.player is not None:
            self.player.stop(why)
        elif isinstance(runner, MasterRunner):
            _send(runner, END, {"why": why}, [worker for worker in self._workers if worker not in self._last])

    def _note(self, why: str) -> None:
        self.broken = "; ".join(filter(None, [self.broken, why]))

    def _close(self) -> None:
        """Write everything, once."""
        if self.ended.is_set():
            return
        self.ended.set()
        for worker, numbers in self._workers.items():
            last = self._last.get(worker)
            if not last:
                if last is None:
                    self._note("a worker gave no last report")
                continue
            if sorted(numbers) != list(range(last["number"] + 1)):
                self._note("a report of a worker was lost")
            self.broken = self.broken or last["broken"]
            self._troubles += last["troubles"]
        seconds = time.monotonic() - self._began
        thresholds: list[Threshold] = self.conductor.thresholds
        for role in self.roles:
            line = self._line(role, seconds)
            line["thresholds"] = judged(line, thresholds, complete=not self.broken)
            self.lines.append(line)
        self._write()

    def _line(self, role: Role, seconds: float) -> dict[str, Any]:
        plan, results = role.means.plan, self.totals[role.scenario.name]
        # A plan of one a second for 20 s sends its last one after 19 s, and has kept its rate for 20 s all the same.
        early = self.broken or not self.ended.is_set() or role.means.budget == results.counted()["sent"]
        length = min(max(seconds, 0.0), plan.seconds) if early else plan.seconds
        return line_of(results, told(plan), length, dict.fromkeys(self._troubles))

    def _write(self) -> None:
        try:
            for line in self.lines:
                self._recorder.result("load", line)
            self._recorder.end(complete=not self.broken, reason=self.broken)
            write_load(self.folder, self.lines, self.broken)
            mark_latest(self.folder, self.folder)
            self.written = True
        except OSError as problem:
            self._note(f"the results cannot be written: {problem.strerror or problem}")
            click.echo(f"affidavit: {self.broken}", err=True)
            for line in self.lines:
                line["thresholds"] = judged(line, self.conductor.thresholds, complete=False)

    def _manifest(self, redactor: Redactor) -> dict[str, Any]:
        return {
            "what": "load",
            "targets": {
                role.scenario.provider: "embedded" if role.target.policy.embedded else role.target.base
                for role in self.roles
            },
            "affidavit": version("affidavit"),
            "locust": version("locust"),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "seed": self.roles[0].means.seed,
            "scenarios": [role.scenario.name for role in self.roles],
            "command": [redactor.redact(word) for word in sys.argv[1:]],
            "started": time.time(),
        }


SHARED_OPTIONS = (
    "rate", "duration", "stages", "arrivals", "seed", "weights", "think", "give_up", "roles", "in_flight", "timeout",
    "drain", "keys", "recipient", "allow",
)  # fmt: skip
"""What a worker has to know of the master's options."""
