"""Every error the tool raises on purpose.

    AffidavitError
    ├── UsageError            you asked for something that cannot be done as asked      exit 2
    │   ├── CatalogError      a file under openapi/ is not what it must be
    │   ├── KeysError         the keys file, or a key in it, cannot be used
    │   └── RecordError       a run record cannot be read
    ├── TargetError           the target is not there, or is not an HTTP API           exit 3
    ├── IncompleteError       the run ended before everything planned was asked        exit 3
    ├── RefusedError          what was asked for is not safe                            exit 4
    └── SandboxError          the embedded sandbox itself failed: a fault of this tool  exit 70

A broken claim is a finding, not an error.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    KEPT = 0
    BROKEN = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    INTERNAL = 70
    """As in sysexits.h: apart from all that a run says of an API, and from the codes of pytest."""
    INTERRUPTED = 130
    """Ctrl-C, as shells have it."""


class AffidavitError(Exception):
    """Base of all; `exit_code` is what the command line returns for it."""

    exit_code = ExitCode.USAGE


class UsageError(AffidavitError):
    """Wrong use or configuration."""


class CatalogError(UsageError):
    """A provider's document, ledger, probes or profile is not what it must be."""


class KeysError(UsageError):
    """The keys file is missing or malformed, or a key in it was refused by the target."""


class RecordError(UsageError):
    """A run record is missing, truncated, foreign or of a newer version."""


class TargetError(AffidavitError):
    """The target cannot be reached or does not speak HTTP or JSON."""

    exit_code = ExitCode.UNREACHABLE


class IncompleteError(AffidavitError):
    """The run stopped before its plan was done."""

    exit_code = ExitCode.UNREACHABLE


class RefusedError(AffidavitError):
    """What was asked for could reach people or cost money; nothing was sent."""

    exit_code = ExitCode.REFUSED


class SandboxError(AffidavitError):
    """The embedded sandbox raised an exception, so what it answered proves nothing."""

    exit_code = ExitCode.INTERNAL


def unusable(problem: OSError) -> UsageError:
    """What to tell somebody whose file or folder cannot be used."""
    where = f" {problem.filename}" if problem.filename else ""
    return UsageError(f"cannot write or read{where}: {problem.strerror or problem}; --out names another folder")
