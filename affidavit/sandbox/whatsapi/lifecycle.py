"""What the worker does with a message: it calls WhatsApp, and the answer decides the next steps.

    queued ──► processing ──► sent ──► delivered ──► read
      ▲             │ │        ▲
  scheduled         │ └► retrying ──┐
                    ▼               │
                  failed ◄──────────┘      failed ──► queued, when the caller retries

A call is judged by what held when it was made, never by what holds when somebody looks. Judging late is therefore
free, and that is why a machine with hundreds of thousands of messages needs no work between requests.

Why a call fails is the table `CAUSES`: the first row that applies decides. A dry run meets none of them, since it never
calls WhatsApp; how its recipient behaves is part of the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from affidavit.sandbox.whatsapi.history import History, Windows
from affidavit.sandbox.whatsapi.messages import Draft, Message
from affidavit.sandbox.whatsapi.options import Options
from affidavit.sandbox.whatsapi.recipients import BEHAVIOURS, NORMAL
from affidavit.sandbox.whatsapi.upstream import Circuit, Upstream

TRANSIENT = "WhatsApp kept answering with a temporary error; the message was given up after several attempts."


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account's own access to Meta."""

    access_token: str
    phone_number_id: str

    @property
    def good(self) -> bool:
        """Whether Meta accepts the token; its tokens start like this."""
        return self.access_token.startswith("EAA")


@dataclass(frozen=True, slots=True)
class Sender:
    """What an account sends with, now and in the past."""

    credentials: History[Credentials | None]
    windows: Windows
    circuit: Circuit


class ApprovedTemplate(NamedTuple):
    """A template that Meta knows."""

    parameters: int
    languages: frozenset[str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to WhatsApp and what holds while it is made."""

    draft: Draft
    credentials: Credentials | None
    window_open: bool
    approved: ApprovedTemplate | None
    """The template asked for, if Meta knows it."""


def _template_unknown(attempt: Attempt) -> bool:
    template = attempt.draft.template
    return template is not None and (attempt.approved is None or template.language not in attempt.approved.languages)


def _parameters_differ(attempt: Attempt) -> bool:
    template = attempt.draft.template
    return template is not None and attempt.approved is not None and template.parameters != attempt.approved.parameters


CAUSES: tuple[tuple[Callable[[Attempt], bool], str], ...] = (
    (
        lambda attempt: attempt.credentials is None,
        "No Meta credentials are configured: save them with PUT /auth/me/credentials.",
    ),
    (
        lambda attempt: attempt.credentials is not None and not attempt.credentials.good,
        "WhatsApp refused the credentials: (#190) Invalid OAuth access token.",
    ),
    (
        _template_unknown,
        "WhatsApp refused the message: (#132001) Template name does not exist in the translation.",
    ),
    (
        _parameters_differ,
        "WhatsApp refused the message: (#132000) Number of parameters does not match the expected number.",
    ),
    (
        lambda attempt: attempt.draft.text is not None and not attempt.window_open,
        "WhatsApp refused the message: (#131047) More than 24 hours have passed since the recipient last wrote.",
    ),
)
"""When an attempt can only fail, and the reason shown; the first that applies."""


class Worker:
    """Makes the calls that are due."""

    def __init__(self, options: Options, upstream: Upstream, templates: Mapping[str, ApprovedTemplate]) -> None:
        self._options = options
        self._upstream = upstream
        self._templates = templates

    def advance(self, sender: Sender, message: Message, now: float) -> None:
        """Write down every step that is certain by `now`."""
        while message.call_at is not None and message.call_at <= now:
            self._call(sender, message, message.call_at)

    def _call(self, sender: Sender, message: Message, at: float) -> None:
        message.calls += 1
        if message.calls == 1:
            message.steps.append(("processing", at))
        answered = at + self._options.sent_after - self._options.process_after
        refusal = self._refusal(sender, message.draft, at)
        if refusal is not None:
            self._fail(message, refusal, answered)
        elif self._errs(sender, message, at, answered):
            self._try_again(message, answered)
        else:
            self._succeed(message, answered)

    def _refusal(self, sender: Sender, draft: Draft, at: float) -> str | None:
        """Why the call can only fail, or None."""
        if not draft.dry_run:
            attempt = self._describe(sender, draft, at)
            for applies, reason in CAUSES:
                if applies(attempt):
                    return reason
        return BEHAVIOURS.get(draft.to, NORMAL).refusal

    def _describe(self, sender: Sender, draft: Draft, at: float) -> Attempt:
        return Attempt(
            draft=draft,
            credentials=sender.credentials.at(at),
            window_open=sender.windows.is_open(draft.to, at),
            approved=self._templates.get(draft.template.name) if draft.template else None,
        )

    def _errs(self, sender: Sender, message: Message, at: float, answered: float) -> bool:
        """Whether the call ends in a transient error."""
        if not message.draft.dry_run:
            healthy = self._upstream.healthy_at(at)
            sender.circuit.note(healthy=healthy, at=answered)
            if not healthy:
                return True
        return message.calls <= BEHAVIOURS.get(message.draft.to, NORMAL).transient_errors

    def _fail(self, message: Message, reason: str, at: float) -> None:
        message.steps.append(("failed", at))
        message.error = reason
        message.call_at = None

    def _try_again(self, message: Message, at: float) -> None:
        if message.calls >= self._options.max_calls:
            self._fail(message, TRANSIENT, at)
            return
        if message.calls == 1:
            message.steps.append(("retrying", at))
        message.call_at = at + self._options.retry_after

    def _succeed(self, message: Message, at: float) -> None:
        options = self._options
        message.steps.append(("sent", at))
        message.steps.append(("delivered", at + options.delivered_after - options.sent_after))
        if BEHAVIOURS.get(message.draft.to, NORMAL).reads:
            message.steps.append(("read", at + options.read_after - options.sent_after))
        message.call_at = None
