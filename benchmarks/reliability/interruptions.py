"""Kill -9, Ctrl-C and full disks at many moments of the commands that write; nothing may be lost.

`main` runs in a process of its own, and writes one JSON line a trial.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.reliability.jobs import (
    JOBS,
    NEW,
    OLD,
    Facts,
    Job,
    run_forked,
    strange_files,
    tiny_bench,
    wait,
    words,
)

KILL, INTERRUPT, DISK_SIZE, DISK_CALL = "kill", "interrupt", "file size", "call"


@dataclass(frozen=True)
class Trial:
    """How one interruption ended: empty words where all was well."""

    job: str
    kind: str
    moment: float
    lost: str = ""
    inexact: str = ""
    said: str = ""


class Bed:
    """A folder with an older result in it, and what the older and the newer result must be."""

    def __init__(self, job: Job, home: Path) -> None:
        self.job, self.home, self.folder = job, home, home / "trial"
        self.old, self.seconds = self._reference(OLD)
        self.new, _ = self._reference(NEW)
        self.before = {str(p.relative_to(home / "old")) for p in (home / "old").rglob("*") if p.is_file()}

    def _reference(self, seed: int) -> tuple[Facts, float]:
        folder = self.home / ("old" if seed == OLD else "new")
        folder.mkdir()
        self.job.prepare(folder)
        began = time.monotonic()
        code = wait(run_forked(folder, self.job.arguments(seed)))
        seconds = time.monotonic() - began
        if code != 0:
            raise RuntimeError(f"{self.job.name} does not work: code {code}: {words(folder)[-800:]}")
        facts = self.job.facts(folder)
        (folder / "log").unlink()
        return facts, seconds

    def reset(self, *, has_old: bool) -> None:
        """Make the trial's folder anew, with the older result or without."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if has_old:
            shutil.copytree(self.home / "old", self.folder)
        else:
            self.folder.mkdir()
            self.job.prepare(self.folder)

    def lost(self, *, has_old: bool) -> str:
        """Say what is wrong with the results that are there now: they must be all old or all new."""
        there = [name for name in self.job.results if (self.folder / name).exists()]
        if not there and not has_old:
            return ""
        try:
            facts = self.job.facts(self.folder)
        except Exception as error:  # noqa: BLE001  # whatever a torn file makes its reader raise
            return f"{type(error).__name__}: {error} (there: {', '.join(there) or 'nothing'})"
        if facts != self.new and not (has_old and facts == self.old):
            return f"a mixture or another result: {facts}"
        return ""

    def again(self) -> str:
        """Run it once more, uninterrupted; say in what the result is not that of a run never interrupted."""
        arguments = (self.job.resume or self.job.arguments)(NEW)
        code = wait(run_forked(self.folder, arguments))
        if code != 0:
            return f"the next run ends with code {code}: {words(self.folder)[-300:]}"
        try:
            facts = self.job.facts(self.folder)
        except Exception as error:  # noqa: BLE001  # as above
            return f"after the next run: {type(error).__name__}: {error}"
        if facts != self.new:
            return f"the next run differs: {facts} for {self.new}"
        left = strange_files(self.folder, self.job, self.before)
        return f"left behind: {', '.join(left)}" if left else ""


def interrupt(bed: Bed, kind: str, moment: float, *, has_old: bool) -> Trial:
    """Send a signal at a moment of the run; check what is there, and run again."""
    if bed.job.name == "train":
        has_old = False  # a folder that holds another training is refused, or gone on with
    bed.reset(has_old=has_old)
    process = run_forked(bed.folder, bed.job.arguments(NEW))
    time.sleep(moment)
    number = signal.SIGKILL if kind == KILL else signal.SIGINT
    with suppress(ProcessLookupError):
        os.kill(process, number)
    code, said = wait(process), words(bed.folder)
    lost = bed.lost(has_old=has_old) if code in (0, -9) or kind == KILL else ""
    if kind == INTERRUPT:
        lost = _interrupted_words(bed, code, said, has_old=has_old)
    return Trial(bed.job.name, kind, moment, lost, bed.again(), said[-200:])


def _interrupted_words(bed: Bed, code: int, said: str, *, has_old: bool) -> str:
    """Say what is wrong after Ctrl-C: a traceback, a wrong code, or results that are not what is said."""
    if code not in (0, 130) or "Traceback" in said:
        return f"exit code {code}: {said[-300:]}"
    is_solution = bed.job.name == "solve" and code == 130 and "nothing was written" not in said
    return _best_so_far(bed, said) if is_solution else bed.lost(has_old=has_old)


def _best_so_far(bed: Bed, said: str) -> str:
    """Say what is wrong with the best that an interrupted search has found: it is whole, of one seed."""
    missing = [name for name in bed.job.results if not (bed.folder / name).exists()]
    if missing:
        return f"the best so far lacks {', '.join(missing)}: {said[-200:]}"
    try:
        facts = bed.job.facts(bed.folder)
    except Exception as error:  # noqa: BLE001  # whatever a torn file makes its reader raise
        return f"{type(error).__name__}: {error}"
    same = {value for name, value in facts.items() if name != "solution.npz"}
    return "" if len(same) == 1 else f"a mixture: {facts}"


def fill_disk(bed: Bed, setup: Callable[[], None], kind: str, moment: float) -> Trial:
    """Run with a disk that is full at a moment; the older result must stay, in a sentence, then run again."""
    has_old = bed.job.name != "train"
    bed.reset(has_old=has_old)
    code = wait(run_forked(bed.folder, bed.job.arguments(NEW), setup=setup))
    said = words(bed.folder)
    lost = bed.lost(has_old=has_old)
    if code not in (0, 2) or "Traceback" in said:
        lost = f"exit code {code}: {said[-400:]} {lost}"
    left = [] if bed.job.name == "train" else strange_files(bed.folder, bed.job, bed.before)
    if left and not lost:
        lost = f"left behind: {', '.join(left)}"
    return Trial(bed.job.name, kind, moment, lost, bed.again(), said[-200:])


def limit_sizes(n_bytes: int) -> Callable[[], None]:
    """Let every write past so many bytes of a file fail, in whatever library it happens."""

    def setup() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))

    return setup


def fail_call(number: int) -> Callable[[], None]:
    """Let the call of this number that makes a file whole (fsync, rename, ...) find a full disk."""

    def setup() -> None:
        import errno

        counted = [0]

        def failing(function: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **keywords: object) -> object:
                counted[0] += 1
                if counted[0] == number:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return function(*arguments, **keywords)

            return call

        for name in ("fsync", "replace", "rename", "link", "mkdir"):
            setattr(os, name, failing(getattr(os, name)))

    return setup


def main(kind: str, name: str, n: str, seed: str) -> None:
    """Run the trials of one kind on one command; report each as a JSON line."""
    tiny_bench()
    _warm_up()
    job = next(job for job in JOBS if job.name == name)
    drawn = random.Random(f"{kind} {name} {seed}")
    with tempfile.TemporaryDirectory() as home:
        bed = Bed(job, Path(home))
        for i in range(int(n)):
            if kind in (KILL, INTERRUPT):
                moment = drawn.uniform(0, 1.05 * bed.seconds)
                trial = interrupt(bed, kind, moment, has_old=i % 2 == 0)
            elif kind == DISK_SIZE:
                size = int(2 ** drawn.uniform(0, 17)) if i else 0
                trial = fill_disk(bed, limit_sizes(size), kind, size)
            else:
                trial = fill_disk(bed, fail_call(i + 1), kind, i + 1)
            sys.stdout.write(json.dumps(asdict(trial)) + "\n")
            sys.stdout.flush()


def _warm_up() -> None:
    """Import what the commands import, so that children start at once."""
    import matplotlib.pyplot  # noqa: F401  # imported for its time only
    import rich.progress  # noqa: F401  # as above

    import sciadv.report.plotting  # noqa: F401  # as above
    import sciadv.solvers  # noqa: F401  # as above
    from sciadv.cli import app  # noqa: F401  # as above
