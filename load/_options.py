"""The options of the load scenarios, beside Locust's own. All are text here; `affidavit.load.options` reads them."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from locust.argument_parser import LocustArgumentParser

from affidavit.errors import ExitCode
from affidavit.load.arrivals import ARRIVALS
from affidavit.load.thresholds import MEASURES
from affidavit.redaction import masked
from affidavit.safety import RISKS

LOOPBACK = "127.0.0.1"

SHOWN: Mapping[str, str] = {
    "rate": "Arrivals per second, such as 5, 5/s or 300/m. Empty: the scenario's own.",
    "duration": "Length of the plan, such as 30s or 5m. Empty: the scenario's own.",
    "stages": "Instead of rate and duration: 30s:5,1m:5-20 is 30 s at 5/s, then 5 to 20 within a minute.",
    "arrivals": f"{' or '.join(ARRIVALS)}: evenly spaced, or at random with the same mean.",
    "seed": "Seed of everything random. Empty: 1.",
    "weights": "What a mix asks, such as send=5,list=1,poll=4. Empty: the scenario's own.",
    "think": "Seconds from one look at a message to the next. Empty: 1s.",
    "give-up": "How long a message is watched before it counts as not delivered. Empty: 30s.",
    "roles": "Keys to take turns, by role: main,second. Empty: the scenario's own.",
    "in-flight": "Most requests under way or held at the same time. More are dropped. Empty: 1000.",
    "budget": "Most requests in all. Empty: no limit.",
    "timeout": "How long to wait for an answer. Empty: 30s.",
    "drain": "How long to wait after the plan's end for what is still under way. Empty: 10s.",
}
"""Shown in the web UI, too."""
HIDDEN: Mapping[str, dict[str, Any]] = {
    "keys": {"metavar": "FILE", "help": "TOML file with keys by role."},
    "recipient": {"metavar": "NUMBER", "help": "Your own phone number for messages, instead of a reserved one."},
    "receiver": {"metavar": "URL", "help": "Public https address that forwards to --receiver-port, for webhooks."},
    "receiver-port": {"metavar": "PORT", "help": "Local port on which they arrive then. Default: 8700."},
    "allow": {
        "action": "append",
        "choices": RISKS[2:],
        "help": "Allow requests of this risk on a real target. Repeatable.",
    },
    "fault": {"action": "append", "metavar": "NAME", "help": "Fault or variant of the embedded sandbox. Repeatable."},
    "sandbox-limit": {"metavar": "N", "help": "Requests per minute that the embedded sandbox allows each key."},
    "threshold": {
        "action": "append",
        "metavar": "[SCENARIO:]NAME=LIMIT",
        "help": f"Fail when it is exceeded; NAME is one of {', '.join(MEASURES)}. Repeatable.",
    },
    "out": {"metavar": "FOLDER", "help": "Folder for the results. Default: reports/load."},
}
"""On the command line alone: files, secrets' whereabouts, and what decides safety."""


def add_options(parser: LocustArgumentParser, scenarios: Callable[[], list[str]]) -> None:
    """Add ours, and make Locust's own stay on this machine unless told otherwise."""
    for name, about in SHOWN.items():
        _register(parser, f"--{name}", {"default": "", "help": about, "metavar": "TEXT"}, shown=True)
    for name, details in HIDDEN.items():
        default = [] if details.get("action") else ""
        _register(parser, f"--{name}", {"default": default, **details}, shown=False)
    parser.set_defaults(web_host=LOOPBACK, master_bind_host=LOOPBACK, only_summary=True)
    if _forks(sys.argv):
        # All processes of this command know the port, so it need not be the one where another run may be.
        port = _free_port()
        parser.set_defaults(master_bind_port=port, master_port=port)
    _name_unknown_scenarios(parser, scenarios)
    parser.error = _one_line  # type: ignore[method-assign]  # the usage of all of Locust hides the message


def _forks(arguments: list[str]) -> bool:
    """Whether Locust is asked to start all processes of the run by itself."""
    given = any(one.startswith("--processes") for one in arguments) or "LOCUST_PROCESSES" in os.environ
    return given and "--worker" not in arguments


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _register(parser: LocustArgumentParser, flag: str, details: dict[str, Any], *, shown: bool) -> None:
    parser.add_argument(flag, include_in_web_ui=shown, **details)


def _name_unknown_scenarios(parser: LocustArgumentParser, scenarios: Callable[[], list[str]]) -> None:
    """Let the parser refuse a scenario that is none; Locust itself would do so with a code of its own."""

    def known(name: str) -> str:
        if name not in scenarios():
            raise argparse.ArgumentTypeError(f"there is no scenario {name!r}; there are {', '.join(scenarios())}")
        return name

    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to find one
        if action.dest == "user_classes":
            action.type = known


def _one_line(message: str) -> NoReturn:
    sys.stderr.write(masked(f"affidavit: {message}") + "\n")
    sys.exit(ExitCode.USAGE)
