"""Commands on tiny problems that are interrupted: what each writes, and whether what is there is whole.

They run in forked children of a process that has imported everything, so that a child starts at once.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.reliability import toy
from benchmarks.reliability.commands import command

#: Seeds of the older result, which must not be lost, and of the run that is interrupted.
OLD, NEW = 1, 2
#: What the answer depends on and what it does not: seconds differ from run to run.
Facts = dict[str, str]


@dataclass(frozen=True)
class Job:
    """A command that writes results.

    Parameters
    ----------
    name
        The command.
    prepare
        Writes what it reads into a folder.
    arguments
        The command line, for a seed.
    facts
        Reads the results in a folder: whatever must be the same for the same seed, by file. Raises where a
        file is torn or missing.
    results
        The files it writes, relative to the folder.
    resume
        The command line that goes on after an interruption; None where the same is given again.
    """

    name: str
    prepare: Callable[[Path], object]
    arguments: Callable[[int], list[str]]
    facts: Callable[[Path], Facts]
    results: Sequence[str]
    resume: Callable[[int], list[str]] | None = None
    kept: Sequence[str] = field(default_factory=tuple)


def run_forked(folder: Path, arguments: Sequence[str], *, setup: Callable[[], None] = lambda: None) -> int:
    """Start a command in a forked child, in a folder; return its process id. Its words go to ``log``."""
    process = os.fork()
    if process:
        return process
    code = 99
    try:
        os.chdir(folder)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        setup()
        result = command(*arguments)
        code = result.code
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.write(1, (result.output + result.errors).encode(errors="replace"))
    except BaseException as error:  # noqa: BLE001  # the child ends here, whatever it was
        import traceback

        os.write(1, "".join(traceback.format_exception(error)).encode(errors="replace"))
        code = 98
    finally:
        os._exit(code)


def wait(process: int, *, limit: float = 120.0) -> int:
    """Wait for a child; return its exit code, or minus its signal; kill it after so many seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return -100


def words(folder: Path) -> str:
    """Return what the last command in a folder said."""
    log = folder / "log"
    return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""


def strange_files(folder: Path, job: Job, before: set[str]) -> list[str]:
    """Return files that are neither there before, nor results, nor the log: what an interrupted run left."""
    known = before | set(job.results) | set(job.kept) | {"log"}
    return sorted(
        name
        for name in (str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
        if name not in known and not any(name.startswith(f"{kept}/") for kept in job.kept)
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _png(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        image.verify()


def _arrays(path: Path) -> str:
    import numpy as np

    with np.load(path) as arrays:
        names = sorted(name for name in arrays.files if name != "seconds")  # no two runs take the same time
        return _digest(b"".join(name.encode() + arrays[name].tobytes() for name in names))


def _seed_of(page: Path) -> str:
    found = re.search(r"--seed (\d+)", page.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{page.name} does not say its seed")
    return found.group(1)


def _solve_facts(folder: Path) -> Facts:
    out = folder / "out"
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    _png(out / "figure.png")
    return {
        "solution.npz": _arrays(out / "solution.npz"),
        "summary.json": str(summary.get("seed", summary.get("settings", {}).get("seed"))),
        "report.html": _seed_of(out / "report.html"),
    }


SOLVE = Job(
    "solve",
    lambda folder: toy.save_problem(folder, toy.PROBLEM_TOML.replace("restarts = 2", "restarts = 40")),
    lambda seed: ["solve", "./problem.toml", "-o", "out", "--seed", str(seed), "--device", "cpu"],
    _solve_facts,
    ("out/solution.npz", "out/summary.json", "out/figure.png", "out/report.html"),
)


def _correct_facts(folder: Path) -> Facts:
    import anndata

    cells = anndata.read_h5ad(folder / "out.h5ad")
    return {
        "out.h5ad": _digest(cells.layers["corrected"].tobytes()) + str(cells.uns["sciadv"]["seed"]),
        "report.html": _seed_of(folder / "report.html"),
    }


CORRECT = Job(
    "correct",
    lambda folder: toy.save_cells(folder / "cells.h5ad"),
    lambda seed: [
        *("correct", "cells.h5ad", "--batch", "batch", "-o", "out.h5ad", "--method", "linear"),
        *("--seed", str(seed), "--device", "cpu"),
    ],
    _correct_facts,
    ("out.h5ad", "report.html"),
)

RECIPE = """\
kind = "design"
title = "A tiny generator of textures"
seed = {seed}
problem = "nanotexture-friction"

[generator]
kind = "design-decoder"
n_latent = 3
lower = [2e-9, 2e-7]
upper = [2e-7, 1e-5]
targets = [[0.047, 0.202]]
hidden = [8]

[schedule]
steps = 40
"""


def _save_recipes(folder: Path) -> None:
    for seed in (OLD, NEW):
        (folder / f"recipe-{seed}.toml").write_text(RECIPE.format(seed=seed), encoding="utf-8")


def _train(seed: int, *options: str) -> list[str]:
    return ["train", f"./recipe-{seed}.toml", "-o", "out", "--every", "5", "--device", "cpu", *options]


def _train_facts(folder: Path) -> Facts:
    from sciadv import Prior

    state = Prior.load(folder / "out").generator.state_dict()  # checked against the card
    return {"weights.safetensors": _digest(b"".join(tensor.numpy().tobytes() for tensor in state.values()))}


TRAIN = Job(
    "train",
    _save_recipes,
    _train,
    _train_facts,
    ("out/weights.safetensors", "out/card.md"),
    resume=lambda seed: _train(seed, "--resume"),
    kept=("out",),
)


def tiny_bench() -> None:
    """Register a bench of eight quick parts."""
    import benchmarks
    from benchmarks.contract import Bench, Row, Settings
    from benchmarks.parts import PENDING, Part, measure_parts

    def measure(number: int, seed: int) -> Row:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        return {"value": number * seed}

    def run(settings: Settings) -> list[Row]:
        seed = settings.seed
        parts = [Part(f"part {i}", {}, (i, seed), partial(measure, i, seed)) for i in range(8)]
        return measure_parts(parts, settings)

    def table(rows: list[Row]) -> str:
        return "\n".join(f"{row['row']}: {row.get('value', PENDING)}" for row in rows)

    benchmarks.BENCHES["tiny"] = Bench("Eight parts", None, run, lambda figure, rows: None, table)


def _bench_facts(folder: Path) -> Facts:
    with (folder / "out" / "tiny.csv").open(encoding="utf-8") as file:
        rows = [f"{row['row']}: {row['value']}" for row in csv.DictReader(file)]
    text = (folder / "out" / "tiny.md").read_text(encoding="utf-8")
    if len(rows) != 8 or not all(row in text for row in rows):
        raise ValueError("the table and the rows differ")
    _png(folder / "out" / "tiny.png")
    rows_of_json = json.loads((folder / "tiny.json").read_text(encoding="utf-8"))["rows"]
    return {
        "tiny.csv": "; ".join(rows),
        "tiny.json": "; ".join(f"{r['row']}: {r['value']}" for r in rows_of_json),
    }


BENCH = Job(
    "bench",
    lambda folder: None,
    lambda seed: ["bench", "tiny", "-o", "out", "--seed", str(seed), "--json", "tiny.json"],
    _bench_facts,
    ("out/tiny.csv", "out/tiny.md", "out/tiny.png", "tiny.json"),
    kept=("out/parts",),
)

JOBS = (SOLVE, TRAIN, CORRECT, BENCH)
