"""1,000 digits in one call: wall time on two threads, memory, and whether the batch changes an answer.

Each method runs in a process of its own, whose peak of memory is then the method's and not the bench's:
``python -m benchmarks.reconstruct.thousand_digits auto``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from benchmarks.contract import Row, threads
from benchmarks.held_out import held_out
from benchmarks.reconstruct.compressed_sensing import make_problem
from sciadv.data.datasets import load_images
from sciadv.errors import InputError
from sciadv.prior import Prior
from sciadv.solvers import Auto, RepresentationError, Solver

PRIOR, M, THREADS = "mnist-vae", 100, 2
SOLVERS: dict[str, Solver] = {"auto": Auto(), "representation-error": RepresentationError(clip=(0.0, 1.0))}
#: Sizes of the batches that are solved again, each from where the last one ended.
BATCHES = (1, 7, 33)


def measure(method: str, n: int) -> Row:
    """Solve `n` digits in a process of its own; see `solve` for the columns.

    Raises
    ------
    InputError
        The process failed; its last words are given.
    """
    command = [sys.executable, "-m", __name__, method, str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # ourselves
    if done.returncode != 0:
        raise InputError(f"solving {n} digits by {method} failed: {done.stderr.strip()[-300:]}")
    row: Row = json.loads(done.stdout)
    return row


def solve(solver: Solver, n: int) -> Row:
    """Solve `n` test digits at once, and some of them again in smaller batches.

    Returns
    -------
    ``wall_seconds`` and ``cpu_seconds`` of the call, ``peak_bytes`` of the process, ``mse_mean``, and
    ``batch_difference``: the largest difference of a pixel from the same digit's in a smaller batch.
    """
    images = held_out(load_images("mnist", "test"), n, seed=0)
    problem = make_problem(Prior.load(PRIOR), images, m=M, seed=0)
    with threads(THREADS):
        wall, cpu = time.perf_counter(), time.process_time()
        x = solver.solve(problem).x
        seconds = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        peak, first, difference = _peak_bytes(), 0, 0.0
        for size in BATCHES:
            rows = slice(first, first + size)
            again = solver.solve(problem.subset(rows)).x
            difference, first = max(difference, float((again - x[rows]).abs().max())), first + size
    mean = float((x - images).square().mean())
    return {
        "n_images": n,
        **seconds,
        "peak_bytes": peak,
        "mse_mean": mean,
        "batch_difference": difference,
    }


def _peak_bytes() -> int | None:
    """Return the largest resident memory of this process so far; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    sys.stdout.write(json.dumps(solve(SOLVERS[sys.argv[1]], int(sys.argv[2]))))  # read by `measure`
