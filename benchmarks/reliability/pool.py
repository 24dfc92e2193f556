"""Workers that run cases: a case that hangs or ends its process is told from one that answers."""

from __future__ import annotations

import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.reliability.worker import CRASH, HANG

#: Seconds after which a case hangs.
LIMIT = 60.0
_START = 300.0


@dataclass(frozen=True)
class Outcome:
    """How a case ended."""

    case: int
    kind: str
    words: str


class Worker:
    """A process that runs cases one after another; made anew after a hang or a crash."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, case: int) -> Outcome:
        """Run one case."""
        if self.process is None:
            self.start()
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(f"{case}\n".encode())
        self.process.stdin.flush()
        line = self.read(self.limit)
        if line is None:
            self.stop()
            return Outcome(case, HANG, f"no answer in {self.limit:g} s")
        if not line:
            code = self.process.wait()
            self.stop()
            return Outcome(case, CRASH, f"the process ended with code {code}")
        kind, words = json.loads(line)
        return Outcome(case, kind, words)

    def start(self) -> None:
        """Start the process and wait until it has imported what it needs."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from benchmarks.reliability.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
            start_new_session=True,
        )
        if self.read(_START) != b"ready\n":
            raise RuntimeError("a worker of the reliability bench did not start")

    def read(self, seconds: float) -> bytes | None:
        """Return the next line, empty where the process has ended, None after so many seconds."""
        assert self.process is not None
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                return None
        return self.process.stdout.readline()

    def stop(self) -> None:
        """End the process and what it started."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None


def run_cases(
    cases: Sequence[int],
    *,
    n_workers: int = 2,
    limit: float = LIMIT,
    report: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Run the cases of these numbers, in so many processes; return their outcomes in the order given."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    outcomes: dict[int, Outcome] = {}

    def work() -> None:
        worker = Worker(limit)
        try:
            while True:
                outcome = worker.run(waiting.get_nowait())
                outcomes[outcome.case] = outcome
                report(outcome)
        except queue.Empty:
            pass
        finally:
            worker.stop()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(n_workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[case] for case in cases]
