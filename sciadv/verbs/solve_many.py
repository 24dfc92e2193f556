"""The verb `solve_many`: a job of many measurements, in blocks, that goes on where it was stopped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from sciadv.catalogue import load_problem
from sciadv.errors import InputError
from sciadv.files.arrays import read_array, read_arrays
from sciadv.files.page import to_json
from sciadv.files.publishing import lock_folder
from sciadv.files.texts import read_json
from sciadv.files.weights import content_sha256
from sciadv.files.writing import write_file
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Status
from sciadv.solvers import Solver
from sciadv.types import Count, Seed
from sciadv.verbs.blocks import BlockJob, solve_on_processes, solve_on_ray
from sciadv.verbs.solve import choose_solver

#: Called with the number of measurements that are solved, and of all.
Counted = Callable[[int, int], None]
JOB_FILE, SUMMARY_FILE = "job.json", "summary.json"


@dataclass(frozen=True)
class SolvedMany:
    """Where the answers of `solve_many` are: one ``.npz`` a block, in the order of the measurements.

    Parameters
    ----------
    folder
        The folder.
    parts
        The blocks' files; each holds what ``solution.npz`` of a single solve does.
    n_measurements
        How many measurements there are.
    """

    folder: Path
    parts: tuple[Path, ...]
    n_measurements: int

    def read(self, name: str = "x") -> npt.NDArray[Any]:
        """Return an array of all measurements: x, z, misfit, prediction, ...

        Raises
        ------
        InputError
            A part is missing or broken, or has no such array.
        """
        return np.concatenate([read_array(part, key=name) for part in self.parts])


@checked
def solve_many(  # noqa: PLR0913  # one keyword a choice of the user
    problem: Problem | str | Path,
    method: str | Solver | None = None,
    *,
    out: str | Path,
    shards: Count = 1,
    block: Count = 64,
    restarts: Count | None = None,
    seed: Seed = 0,
    device: str | None = None,
    engine: Literal["processes", "ray"] = "processes",
    n_threads: Count = 1,
    n_attempts: Count = 3,
    diagnose: Literal["full", "quick"] | None = "quick",
    monitor: Counted | None = None,
) -> SolvedMany:
    """Solve many measurements by several workers at a time, block by block, into files.

    Each block is one call of `sciadv.solve` in a worker of `n_threads` threads: its answers are the same to
    the bit whatever `shards` and `engine` are, and those of ``solve(problem.subset(...))`` of its
    measurements on so many threads. A job that was stopped, by Ctrl-C or by the power, goes on when it is
    called again with the same arguments: blocks that are in the folder are not solved again.

    Parameters
    ----------
    problem
        A `Problem`, a name that ``sciadv list`` shows, or a path. Workers get a copy of it, so that its parts
        must come from modules that can be imported.
    method, restarts, seed, device, diagnose
        As of `sciadv.solve`; the comparison with reference images is left out unless asked for.
    out
        Folder of the results: ``part-00000.npz``, ..., ``summary.json``, and ``job.json``, which says what
        the job is.
    shards
        Workers at a time. Each holds the prior and a block in memory.
    block
        Measurements that are solved together. Smaller ones need less memory, and lose less when a worker
        dies; answers of another size differ by rounding.
    engine
        "processes" of this machine, or tasks of "ray": of the cluster that is connected, whose machines share
        the folder, else of one on this machine (`pip install sciadv[cluster]`).
    n_threads
        Threads of each worker.
    n_attempts
        How often a block is tried whose worker dies: killed, or out of memory.
    monitor
        Called after each block with the numbers of solved and of all measurements.

    Raises
    ------
    InputError
        The folder holds another job, or a block cannot be solved.
    SolveError
        Workers died `n_attempts` times at one block.
    OutputError
        The folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "digits"
    >>> found = solve_many("compressed-sensing", "lmmse", out=folder, shards=2, block=8)
    >>> found.read("x").shape
    (16, 1, 28, 28)
    """
    loaded = load_problem(problem, seed=seed) if isinstance(problem, str | Path) else problem
    posed = loaded if device is None else loaded.to(device)
    solver = choose_solver(loaded, method, restarts=restarts)
    folder = Path(out).expanduser().absolute()
    job = BlockJob(posed, solver, folder, block, seed, n_threads, diagnose)
    run = solve_on_processes if engine == "processes" else solve_on_ray
    with lock_folder(folder):
        missing = _missing(job)
        done = _Counter(job, job.n_blocks - len(missing), monitor)
        if missing:
            run(job, missing, n_workers=shards, n_attempts=n_attempts, done=done)
        return _finished(job)


def _missing(job: BlockJob) -> list[int]:
    """Return the blocks that are still to be solved, of a folder that is this job's."""
    _claim(job)
    return [index for index in range(job.n_blocks) if not job.part(index).is_file()]


def _finished(job: BlockJob) -> SolvedMany:
    """Write the summary of a job whose blocks are all there."""
    parts = tuple(job.part(index) for index in range(job.n_blocks))
    write_file(job.out / SUMMARY_FILE, to_json(_summary(job, parts)))
    return SolvedMany(job.out, parts, job.problem.n_problems)


class _Counter:
    """Counts solved measurements for the monitor."""

    def __init__(self, job: BlockJob, n_blocks: int, monitor: Counted | None) -> None:
        self.job = job
        self.n_blocks = n_blocks
        self.monitor = monitor

    def __call__(self, index: int) -> None:  # noqa: ARG002  # they are counted, not named
        self.n_blocks += 1
        if self.monitor is not None:
            n = self.job.problem.n_problems
            self.monitor(min(self.n_blocks * self.job.block, n), n)


def _claim(job: BlockJob) -> None:
    """Write what the job is into its folder, or check that the folder is of the same job."""
    path = job.out / JOB_FILE
    mine = _identity(job)
    if not path.is_file():
        if any(job.out.glob("part-*.npz")):
            raise InputError(f"{job.out} holds parts of an unknown job; give another folder")
        write_file(path, json.dumps(mine, indent=2))
        return
    advice = "give another folder, or remove this one"
    theirs = read_json(path, advice=advice)
    if theirs != mine:
        known = theirs if isinstance(theirs, dict) else {}
        differing = sorted(key for key in mine if known.get(key) != mine[key])
        raise InputError(f"{job.out} holds another job: {', '.join(differing)} differ; {advice}")


def _identity(job: BlockJob) -> dict[str, object]:
    """Return what the answers depend on: the problem by a hash of what its parts do, and the settings."""
    problem = job.problem
    with torch.no_grad():
        drawn = problem.prior.sample(2, seed=0)
        predicted = problem.forward(drawn.to(problem.forward.device, problem.forward.dtype))
        energy = problem.likelihood.energy(predicted, problem.measurements[:1])
    tensors = {"measurements": problem.measurements, "drawn": drawn, "predicted": predicted, "energy": energy}
    solver: Any = job.solver
    is_plain = is_dataclass(solver) and not isinstance(solver, type)
    settings = asdict(solver) if is_plain else {}
    return {
        "problem": content_sha256(tensors, {"latent weight": repr(problem.latent_weight)}),
        "solver": solver.name,
        "settings": {key: repr(value) for key, value in settings.items()},
        "measurements": problem.n_problems,
        "block": job.block,
        "seed": job.seed,
        "threads": job.n_threads,
        "device": problem.measurements.device.type,
        "diagnose": job.diagnose,
        "torch": torch.__version__,
    }


def _summary(job: BlockJob, parts: tuple[Path, ...]) -> dict[str, object]:
    """Return counts and misfits over all parts."""
    misfit = np.concatenate([read_arrays(part, ["misfit"])["misfit"] for part in parts]).astype(np.float64)
    codes = np.concatenate([read_arrays(part, ["status_code"])["status_code"] for part in parts])
    names = [status.name.lower() for status in Status]
    return {
        "method": job.solver.name,
        "n_measurements": len(misfit),
        "n_parts": len(parts),
        "misfit_unit": job.problem.likelihood.unit,
        "misfit_mean": float(misfit.mean()),
        "misfit_quantiles_5_50_95": [float(q) for q in np.quantile(misfit, [0.05, 0.5, 0.95])],
        "status": dict(Counter(names[code] for code in codes.tolist())),
    }
