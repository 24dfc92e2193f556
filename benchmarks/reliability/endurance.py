"""Eight threads that solve one problem, and ten thousand solves of one process: same bits, flat memory.

`main` runs in a process of its own, and writes one JSON line.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from benchmarks.reliability import toy

N_THREADS = 8
#: Solves before memory is measured: caches of the libraries fill in the first ones.
N_WARM = 500


def with_dropout() -> nn.Module:
    """Make a generator that answers differently in training mode, and leave it in that."""
    net: nn.Module = toy.seeded(
        lambda: nn.Sequential(
            nn.Linear(3, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Unflatten(1, toy.IMAGE)
        )
    )
    return net.train()


def threads(n: int) -> dict[str, object]:
    """Solve a problem so many times in each of eight threads; count answers of other bits."""
    import sciadv

    problem = toy.problem(prior=toy.prior(generator=with_dropout()))

    def solve() -> bytes:
        return sciadv.solve(problem, "levenberg-marquardt", restarts=2, seed=0).x.numpy().tobytes()

    right = solve()
    different, errors = [0] * N_THREADS, [""] * N_THREADS

    def work(number: int) -> None:
        try:
            different[number] = sum(solve() != right for _ in range(n))
        except Exception as error:  # noqa: BLE001  # whatever a thread ends with is what is measured
            errors[number] = f"{type(error).__name__}: {error}"

    run = [threading.Thread(target=work, args=(number,)) for number in range(N_THREADS)]
    for thread in run:
        thread.start()
    for thread in run:
        thread.join()
    wrong = sum(different) + n * sum(map(bool, errors))
    return {"n": n * N_THREADS, "different": wrong, "words": next(filter(None, errors), "")}


def memory(n: int) -> dict[str, object]:
    """Solve so many times; return the growth of the resident memory, from a line through its samples."""
    import sciadv

    problem = toy.problem()
    steps, sizes = [], []
    for step in range(n + N_WARM):
        sciadv.solve(problem, "levenberg-marquardt", restarts=2, seed=step)
        if step >= N_WARM and step % max(1, n // 50) == 0:
            steps.append(step)
            sizes.append(resident())
    x, y = torch.tensor(steps).double(), torch.tensor(sizes).double()
    x = x - x.mean()
    slope = float((x * y).sum() / (x * x).sum())
    return {"n": n, "bytes_a_solve": slope, "mebibytes": slope * n / 2**20}


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


MEASURES: dict[str, Callable[[int], dict[str, object]]] = {"threads": threads, "memory": memory}


def main(what: str, n: str) -> None:
    """Measure in this process; write the result as a JSON line."""
    torch.set_num_threads(1)
    sys.stdout.write(json.dumps(MEASURES[what](int(n))) + "\n")
