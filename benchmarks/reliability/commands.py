"""A command as the command line runs it, in this process."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass


@dataclass(frozen=True)
class CommandResult:
    """How a command ended."""

    code: int
    output: str
    errors: str


def command(*arguments: str) -> CommandResult:
    """Run ``sciadv`` with arguments; what it raises goes on, as it would end the process in a traceback."""
    from sciadv.cli import main

    output, errors = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return CommandResult(code, output.getvalue(), errors.getvalue())
