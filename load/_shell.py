"""What every scenario file imports: the class that scenarios are made from. Importing it joins Locust to Affidavit.

A scenario is a Locust user, so that it can be chosen by name and in the web UI. But its requests do not come from
users: they come at the moments of a plan, whatever the answers do. One user per process stands for the scenario.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import click
import gevent
from locust import User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import Runner, WorkerRunner
from locust.web import WebUI

from _conductor import Conductor
from _options import add_options
from _web import add_tab, look_for_port
from _worker import Worker
from affidavit.errors import AffidavitError, ExitCode
from affidavit.load.flow import SEND
from affidavit.load.options import Shape
from affidavit.load.scenario import Scenario
from affidavit.profile import MAIN
from affidavit.redaction import masked
from affidavit.report.load_html import picture


class LoadScenario(User):
    """Base of all scenarios; the attributes are those of `affidavit.load.scenario.Scenario`."""

    abstract = True
    by_default: ClassVar[bool] = False
    """Whether it runs when none is chosen."""
    provider: ClassVar[str]
    weights: ClassVar[Mapping[str, float]] = {SEND: 1.0}
    shape: ClassVar[Shape] = Shape()
    follow: ClassVar[bool] = False
    webhook: ClassVar[bool] = False
    patient: ClassVar[bool] = True
    roles: ClassVar[tuple[str, ...]] = (MAIN,)

    @classmethod
    def scenario(cls) -> Scenario:
        """The row of choices."""
        return Scenario(
            cls.__name__, cls.provider, cls.weights, cls.shape, cls.follow, cls.webhook, cls.patient, cls.roles
        )

    @task
    def stand_for_the_plan(self) -> None:
        """Do nothing, for as long as Locust wants this user."""
        gevent.sleep(1)


def scenarios() -> list[type[LoadScenario]]:
    """Every class that can be chosen, in order of name."""
    return sorted((one for one in _below(LoadScenario) if not one.abstract), key=lambda one: one.__name__)


def _below(parent: type[LoadScenario]) -> list[type[LoadScenario]]:
    return [one for child in parent.__subclasses__() for one in (child, *_below(child))]


def _add_options(parser: LocustArgumentParser, **_: Any) -> None:  # noqa: ANN401 - what Locust may add
    add_options(parser, lambda: [one.__name__ for one in scenarios()])


def _join(environment: Environment, runner: Runner, web_ui: WebUI | None = None, **_: Any) -> None:  # noqa: ANN401 - as above
    """Called once per process, before anything starts."""
    # Locust knows nothing of the plan, which ends the run by itself.
    logging.getLogger("locust.main").addFilter(lambda record: "No run time limit" not in record.getMessage())
    conductors: list[Conductor] = []
    if web_ui is not None:
        base = environment.parsed_options.web_base_path if environment.parsed_options else None
        add_tab(web_ui, base, lambda: conductors[0].picture() if conductors else picture([]))
    try:
        if web_ui is not None:
            look_for_port(web_ui)
        if isinstance(runner, WorkerRunner):
            Worker(environment, runner, [one.scenario() for one in scenarios()])
            return
        options = environment.parsed_options
        if options is not None and not options.user_classes:
            environment.user_classes = [one for one in scenarios() if one.by_default]
        conductors.append(Conductor(environment, runner, web_ui, [one.scenario() for one in scenarios()]))
    except AffidavitError as problem:
        click.echo(masked(f"affidavit: {problem}"), err=True)
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


_hooks: Any = events  # which Locust has no types for
_hooks.init_command_line_parser.add_listener(_add_options)
_hooks.init.add_listener(_join)
