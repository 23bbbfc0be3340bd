"""Whom a load run asks: the embedded sandbox in a process of its own, or a real API with the user's keys."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from gevent.event import AsyncResult

from affidavit.catalog import Catalog
from affidavit.documents import load_catalog, load_recipe
from affidavit.errors import KeysError, SandboxError, TargetError, UsageError
from affidavit.evidence import TOO_MANY
from affidavit.keys import chosen, read_keys
from affidavit.load.dispatch import REFUSED_KEY, response_of
from affidavit.load.recipe import Recipe, Writer, saved
from affidavit.load.wire import Answer, Pool, resolve
from affidavit.pacing import wait_after_refusal
from affidavit.profile import MAIN
from affidavit.safety import Policy
from affidavit.template import Scope

CONTROL = "/__sandbox__/control/"
START_SECONDS = 30.0
CHECK = "check that it runs, and the address: --host, or `target` in the keys file"


@dataclass(frozen=True)
class Target:
    """One provider, reachable."""

    catalog: Catalog
    recipe: Recipe
    base: str
    keys: Mapping[str, str]
    policy: Policy
    recipient: str | None = None
    """Digits; the reserved number when None."""
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By role, since keys may be of several accounts: what its requests need and the target was asked for."""

    @property
    def provider(self) -> str:
        """Its name."""
        return self.catalog.provider

    def writer(self, role: str) -> Writer:
        """Words requests with the key of this role."""
        url, profile = urlsplit(self.base), self.catalog.profile
        scope = Scope(
            now=time.time,
            salt="load",
            keys=self.keys,
            number=profile.number,
            recipient=self.recipient or profile.recipient,
            variables=dict(self.variables.get(role, {})),
        )
        return Writer(url.netloc, url.path.rstrip("/"), self.policy, scope)


@dataclass(frozen=True)
class Wanted:
    """What the options say of targets."""

    host: str | None
    keys_file: Path | None
    allowed: frozenset[str]
    recipient: str | None
    """Digits."""


def real_targets(providers: Sequence[str], wanted: Wanted) -> dict[str, Target | None]:
    """Each provider's real target; None for one that has neither key nor host: it is asked on the embedded sandbox.

    Raises UsageError and KeysError.
    """
    if wanted.host and len(providers) != 1:
        raise UsageError(
            f"--host {wanted.host} needs scenarios of one provider alone, chosen are some of {', '.join(providers)}; "
            "name them last: locust -f load/ --host URL ChatmaidSend"
        )
    found: dict[str, Target | None] = {}
    for catalog, access in chosen(tuple(providers), wanted.host, wanted.keys_file):
        if access.target is None:
            found[catalog.provider] = None
            continue
        if not access.keys.get(MAIN):
            variable = catalog.profile.key_env
            raise KeysError(f"no key for {catalog.provider}: set {variable} or name a keys file with --keys")
        recipient = wanted.recipient or access.recipient
        policy = Policy(allowed=access.allowed | wanted.allowed, recipients=frozenset({recipient} if recipient else ()))
        found[catalog.provider] = Target(
            catalog, load_recipe(catalog), access.target, dict(access.keys), policy, recipient
        )
    return found


def embedded_target(provider: str, base: str, keys: Mapping[str, str]) -> Target:
    """An embedded sandbox as a target."""
    catalog = load_catalog(provider)
    return Target(catalog, load_recipe(catalog), base, dict(keys), Policy(embedded=True))


class Sandbox:
    """The embedded sandbox of some providers, as a process that ends with this one."""

    def __init__(
        self, providers: Sequence[str], faults: Sequence[str] = (), limit: int | None = None, hooks: str | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            providers: whom to imitate.
            faults: deviations to put on.
            limit: requests per minute and key, instead of the documented ones.
            hooks: prefix of webhook addresses to accept.
        """
        self._providers, self._limit = tuple(providers), limit
        self._command = [sys.executable, "-m", "affidavit", "sandbox", "--port", "0", "--stop-with-input"]
        self._command += [word for name in providers for word in ("--provider", name)]
        self._command += [word for name in faults for word in ("--fault", name)]
        self._command += ["--webhook-prefix", hooks] if hooks else []
        self._process: subprocess.Popen[str] | None = None
        self.targets: dict[str, Target] = {}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Return when it answers. Raises SandboxError, or UsageError for a fault nobody knows."""
        with tempfile.TemporaryDirectory() as folder:
            keys = Path(folder) / "keys.toml"
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*self._command, "--keys-out", str(keys)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert self._process.stdout is not None  # noqa: S101 - asked for above
            for line in self._process.stdout:
                if line.startswith("Targets and keys are in"):
                    break
            else:
                self._explain()
            for provider in self._providers:
                access = read_keys(keys, load_catalog(provider).profile)
                self.targets[provider] = embedded_target(provider, access.target or "", access.keys)
        if self._limit is not None:
            self._lift(self._limit)
        return self

    def stop(self) -> None:
        """End the process; does nothing when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None  # noqa: S101 - asked for above
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def _explain(self) -> None:
        assert self._process is not None and self._process.stderr is not None  # noqa: PT018, S101 - just started
        said, code = self._process.stderr.read().strip().removeprefix("affidavit: "), self._process.wait()
        self._process = None
        if code == UsageError.exit_code:
            raise UsageError(said)
        raise SandboxError(f"the embedded sandbox ended with code {code}: {said.splitlines()[-1] if said else ''}")

    def _lift(self, limit: int) -> None:
        """Some sandboxes have one limit for all keys, others one for each."""
        for target in self.targets.values():
            wanted = {"requests_per_minute": limit}
            if not control(target.base, "set-rate-limit", wanted):
                for role in target.keys:
                    control(target.base, "set-rate-limit", {**wanted, "role": role})


def control(base: str, action: str, arguments: Mapping[str, Any]) -> bool:
    """Pull a lever of an embedded sandbox; whether it is one."""
    request = Request(base + CONTROL + action, json.dumps(dict(arguments)).encode(), method="POST")  # noqa: S310 - http
    try:
        with urlopen(request, timeout=START_SECONDS):  # noqa: S310 - our own sandbox
            return True
    except HTTPError:
        return False


def ask(target: Target, request: bytes, timeout: float, tls: ssl.SSLContext | None = None) -> Answer:
    """Send one request and wait for its answer; only from a greenlet. Raises TargetError."""
    pool = Pool(resolve(target.base), time.perf_counter, timeout=timeout, tls=tls)
    answer: AsyncResult[Answer] = AsyncResult()
    try:
        pool.loop.run_callback(pool.send, request, answer.set)
        got = answer.get()
    finally:
        pool.close()
    assert got is not None  # noqa: S101 - only an answer is ever set
    if not got.status:
        raise TargetError(f"{target.base} does not answer: {got.problem}; {CHECK}")
    return got


def prepare(target: Target, role: str, timeout: float) -> dict[str, Any]:
    """Ask for what the requests need. Raises TargetError, KeysError and UsageError."""
    asked = target.recipe.prepare
    if asked is None:
        return {}
    wording = target.writer(role).word(asked, role, target.keys[role])
    answer = ask(target, wording.head, timeout)
    if answer.status == TOO_MANY:
        wait = wait_after_refusal(response_of(answer), target.catalog.profile.rate_limit)
        raise TargetError(
            f"{target.base} answers {wording.operation} with 429: the limit of the key {role!r} is used up; "
            f"start again in {wait:.0f} s"
        )
    if answer.status in REFUSED_KEY:
        raise KeysError(f"{target.base} refuses the key {role!r} with {answer.status}: check it, or use another")
    if not 200 <= answer.status < 300:
        raise TargetError(f"{target.base} answers {wording.operation} with {answer.status}, expected 2xx; {CHECK}")
    try:
        return saved(target.recipe, json.loads(answer.content))
    except ValueError as problem:
        raise TargetError(f"{target.base} answers {wording.operation} with no JSON; {CHECK}") from problem
