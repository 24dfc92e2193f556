"""One process that runs cases one after another and reports each on a pipe: start, then outcome.

It ends with the parent. What a case writes to stdout or stderr is dropped.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

#: Address space of a worker: larger allocations fail in it, not on the machine.
MEMORY = 12 * 2**30
SENTENCE, ACCEPTED = "sentence", "documented acceptance"
TRACEBACK, SILENCE, HANG, CRASH = "traceback", "accepted in silence", "hang", "crash"
OUTCOMES = (SENTENCE, ACCEPTED, TRACEBACK, SILENCE, HANG, CRASH)


def main() -> None:
    """Run the cases whose numbers come on stdin, a line each."""
    from benchmarks.reliability.bad_input.all_cases import all_cases

    channel = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    cases = all_cases()
    channel.write("ready\n")
    home = Path.cwd()
    for line in sys.stdin:
        case = cases[int(line)]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            os.chdir(folder)
            outcome, words = judge(case, Path(folder))
            os.chdir(home)
        channel.write(json.dumps([outcome, words]) + "\n")


def judge(case: Any, folder: Path) -> tuple[str, str]:
    """Run a case, and say how it ended."""
    from benchmarks.reliability.commands import CommandResult
    from sciadv.errors import SciadvError

    try:
        result = case.run(folder)
        if isinstance(result, CommandResult):
            outcome = _judge_command(result)
            if outcome is not None:
                return outcome
        if not case.accepts:
            return SILENCE, repr(result)[:200]
        if case.holds is not None and not case.holds(result):
            return SILENCE, f"not {case.accepts}: {result!r:.200}"
    except SciadvError as error:
        words = str(error)
        is_one = words.strip() and len(words) < 4000
        return (SENTENCE if is_one else TRACEBACK), words[:400]
    except BaseException as error:  # noqa: BLE001  # whatever ends a case is what is measured
        return TRACEBACK, f"{type(error).__name__}: {error!s:.300} ({_place(error)})"
    return ACCEPTED, case.accepts


def _judge_command(result: Any) -> tuple[str, str] | None:
    """Judge a command by its exit code and words; None where it says that it succeeded."""
    if result.code == 0:
        return None
    words = result.errors.strip()
    if result.code == 2 and words and "Traceback" not in words:
        return SENTENCE, words[-400:]
    return TRACEBACK, f"exit code {result.code}: {words[-300:]}"


def _place(error: BaseException) -> str:
    """Return the last line of the package that an exception went through."""
    place, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "/sciadv/" in name:
            place = f"sciadv/{name.split('/sciadv/')[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
