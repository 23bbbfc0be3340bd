"""The command, and `python -m affidavit` for programs that start it where the command may not be on the path."""

from __future__ import annotations

import sys

from affidavit.errors import ExitCode


def main() -> None:
    """Entry point. What it needs takes seconds to load, and Ctrl-C must end that as quietly as the rest."""
    try:
        from affidavit import cli  # noqa: PLC0415 - loading is what may be interrupted

        cli.main()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
