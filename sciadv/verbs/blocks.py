"""Blocks of measurements: what a worker needs to solve any of them, and the workers.

A block is solved by `sciadv.solve` as it is, on a stated number of threads, so that who solves it, and how
many others there are, changes no bit of its answer.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from sciadv.errors import InputError, SciadvError, SolveError
from sciadv.files.texts import parse_json
from sciadv.problem import Problem
from sciadv.solvers import Solver
from sciadv.solvers.diagnosis.verdicts import Extent
from sciadv.verbs.solve import solve

#: Called with the number of a block that is solved.
Done = Callable[[int], None]


@dataclass(frozen=True)
class BlockJob:
    """All that it takes to solve any block.

    Parameters
    ----------
    problem
        The problem, with all its measurements.
    solver
        The search.
    out
        Folder of the parts.
    block
        Measurements in a block, the last one excepted.
    seed
        Of each block's search.
    n_threads
        Threads of a worker.
    diagnose
        As `solve` has it.
    """

    problem: Problem
    solver: Solver
    out: Path
    block: int
    seed: int
    n_threads: int
    diagnose: Extent | None

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.problem.n_problems // self.block)

    def part(self, index: int) -> Path:
        """Return the file of a block's answers."""
        return self.out / f"part-{index:05d}.npz"

    def run(self, index: int) -> None:
        """Solve a block and write its answers, whole or not at all."""
        import torch

        torch.set_num_threads(self.n_threads)
        rows = slice(index * self.block, (index + 1) * self.block)
        problem = self.problem.subset(rows)
        solution = solve(problem, self.solver, seed=self.seed, diagnose=self.diagnose)
        solution.save_arrays(self.part(index))


def packed(job: BlockJob) -> bytes:
    """Return a job as bytes that another process can read.

    Raises
    ------
    InputError
        A part of the problem cannot be sent to another process.
    """
    try:
        payload = pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError, NotImplementedError) as error:
        raise InputError(f"the problem cannot be sent to other processes: {error}; {_ADVICE}") from error
    if b"__main__" in payload:
        raise InputError(f"a part of the problem is defined in the script that runs; {_ADVICE}")
    return payload


_ADVICE = "define its classes and functions in a module that can be imported, no lambda among them"


def solve_on_processes(
    job: BlockJob, indices: Sequence[int], *, n_workers: int, n_attempts: int, done: Done
) -> None:
    """Solve blocks by processes of this machine; one that dies is replaced and its block solved again.

    Raises
    ------
    SolveError
        Workers have died `n_attempts` times at one block.
    InputError
        A block cannot be solved; the message is the worker's.
    """
    pool = _Pool(packed(job), job, deque(indices), n_attempts, done)
    with ThreadPoolExecutor(n_workers) as threads:
        futures: list[Future[None]] = [threads.submit(pool.work) for _ in range(min(n_workers, len(indices)))]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            pool.stop()
    for worker in pool.workers:
        _end(worker)
    for future in futures:
        future.result()


@dataclass(frozen=True, eq=False)
class _Pool:
    """Blocks that wait, and the processes that solve them, each driven by a thread."""

    payload: bytes
    job: BlockJob
    waiting: deque[int]
    n_attempts: int
    done: Done
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    workers: set[subprocess.Popen[bytes]] = field(default_factory=set)

    def work(self) -> None:
        """Have one process after the other solve blocks until none waits."""
        worker: subprocess.Popen[bytes] | None = None
        while not self.stopping.is_set():
            try:
                index = self.waiting.popleft()
            except IndexError:
                break
            worker = self._solved(index, worker)
        if worker is not None:
            _end(worker)

    def _solved(self, index: int, worker: subprocess.Popen[bytes] | None) -> subprocess.Popen[bytes] | None:
        """Have a block solved, by this process or those that replace it; returns the last one."""
        for _ in range(self.n_attempts):
            worker = self._start() if worker is None else worker
            answer = _ask(worker, index)
            if answer is not None:
                if answer:
                    raise InputError(f"block {index}: {answer}")
                with self.lock:
                    self.done(index)
                return worker
            code = _end(worker)
            worker = None
            if self.stopping.is_set():
                return None
        raise SolveError(
            f"the process that solved block {index} ({self.job.block} measurements from number "
            f"{index * self.job.block}) ended {self.n_attempts} times, at last with code {code}; blocks that "
            f"are solved are kept. Was there too little memory? Give a smaller block"
        )

    def _start(self) -> subprocess.Popen[bytes]:
        threads = str(self.job.n_threads)
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        command = [sys.executable, "-c", "from sciadv.verbs.blocks import serve; serve()"]
        with self.lock:
            worker = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
            self.workers.add(worker)
        with suppress(OSError):  # it died: the first question finds out
            _stream(worker.stdin).write(len(self.payload).to_bytes(8, "big") + self.payload)
            _stream(worker.stdin).flush()
        return worker

    def stop(self) -> None:
        """End every process."""
        self.stopping.set()
        with self.lock:
            for worker in self.workers:
                if worker.poll() is None:
                    worker.kill()


def _ask(worker: subprocess.Popen[bytes], index: int) -> str | None:
    """Have a block solved; returns "" when it is, words when it cannot be, None when the process died."""
    try:
        _stream(worker.stdin).write(f"{index}\n".encode())
        _stream(worker.stdin).flush()
    except OSError:
        return None
    line = _stream(worker.stdout).readline()
    if not line.endswith(b"\n"):
        return None
    return str(parse_json(line, file="the answer of a worker", advice="run the job again"))


def _end(worker: subprocess.Popen[bytes]) -> int:
    """Let a process end, as it does when there are no more questions; returns its code."""
    with suppress(OSError):  # it is dead, and what was for it cannot be written
        _stream(worker.stdin).close()
    code = worker.wait()
    _stream(worker.stdout).close()
    return code


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # opened as a pipe
    return stream


def serve() -> None:
    """Solve the blocks whose numbers come on stdin after the job; the body of a worker.

    It ends with its parent. What libraries print goes to stderr.
    """
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    questions = sys.stdin.buffer
    size = int.from_bytes(questions.read(8), "big")
    job = pickle.loads(questions.read(size))  # from the parent, by a pipe
    for line in questions:
        words = _words_of_failure(job, int(line))
        with suppress(BrokenPipeError):  # the parent is gone: there are no more questions
            channel.write(json.dumps(words) + "\n")


def _words_of_failure(job: BlockJob, index: int) -> str:
    try:
        job.run(index)
    except SciadvError as error:
        return str(error)
    return ""


def solve_on_ray(
    job: BlockJob, indices: Sequence[int], *, n_workers: int, n_attempts: int, done: Done
) -> None:
    """Solve blocks as tasks of Ray: of the cluster that is connected, else of one on this machine.

    Raises
    ------
    InputError
        Ray is not installed.
    SolveError
        A task has died `n_attempts` times.
    """
    if find_spec("ray") is None:
        raise InputError('engine "ray" needs Ray, which is not installed: pip install sciadv[cluster]')
    import ray

    is_own = not ray.is_initialized()
    if is_own:
        ray.init(num_cpus=n_workers, include_dashboard=False, log_to_driver=False)
    try:
        task = ray.remote(num_cpus=1, max_retries=n_attempts - 1)(_run_block)
        shared = ray.put(job)
        for index in _finished(task, shared, indices, n_workers):
            done(index)
    except ray.exceptions.WorkerCrashedError as error:
        raise SolveError(
            "a worker of Ray died as often as n_attempts allows; blocks that are solved are kept"
        ) from error
    finally:
        if is_own:
            ray.shutdown()


def _finished(task: object, shared: object, indices: Sequence[int], n_workers: int) -> Iterator[int]:
    """Yield blocks as they are solved; no more tasks than twice the workers wait at a time."""
    import ray

    waiting = deque(indices)
    running: list[object] = []
    while waiting or running:
        while waiting and len(running) < 2 * n_workers:
            running.append(task.remote(shared, waiting.popleft()))  # type: ignore[attr-defined]  # Ray adds it
        ready, running = ray.wait(running)
        yield from (ray.get(one) for one in ready)


def _run_block(job: BlockJob, index: int) -> int:
    """Solve a block; the body of a task."""
    job.run(index)
    return index
