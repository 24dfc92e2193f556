import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from frail_solver import FrailSolver
from slow_job import small

from sciadv import Problem, Solution, solve, solve_many
from sciadv.errors import InputError, SolveError
from sciadv.solvers import LevenbergMarquardt
from sciadv.verbs.blocks import BlockJob

SOLVER = LevenbergMarquardt(restarts=2)


def arrays_of(folder: Path) -> dict[str, bytes]:
    found = {}
    for part in sorted(folder.glob("part-*.npz")):
        with np.load(part) as arrays:
            found |= {f"{part.name}/{name}": arrays[name].tobytes() for name in arrays if name != "seconds"}
    return found


def alone(problem: Problem, block: int) -> list[Solution]:
    """Solve block by block in this process, on one thread as workers do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = [slice(i, i + block) for i in range(0, problem.n_problems, block)]
        return [solve(problem.subset(row), SOLVER, diagnose="quick") for row in rows]
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("engine", ["processes", pytest.param("ray", marks=pytest.mark.slow)])
def test_answers_are_the_same_to_the_bit_whoever_solves_them(engine: str, tmp_path: Path) -> None:
    if engine == "ray" and find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    problem = small()
    one = solve_many(problem, SOLVER, out=tmp_path / "one", block=3)
    two = solve_many(problem, SOLVER, out=tmp_path / "two", block=3, shards=2, engine=engine)
    assert [part.name for part in two.parts] == [f"part-{i:05d}.npz" for i in range(3)]
    assert arrays_of(one.folder) == arrays_of(two.folder)
    blocks = alone(problem, 3)
    np.testing.assert_array_equal(two.read("x"), torch.cat([part.x for part in blocks]).numpy())
    np.testing.assert_array_equal(two.read("z"), torch.cat([part.z for part in blocks]).numpy())
    summary = json.loads((two.folder / "summary.json").read_text())
    assert summary["n_measurements"] == sum(summary["status"].values()) == 7


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    problem = small()
    frail = FrailSolver(tmp_path / "killed", float(problem.measurements[4, 0]))
    found = solve_many(problem, frail, out=tmp_path / "out", block=4, shards=2)
    assert frail.marker.exists()
    np.testing.assert_array_equal(found.read("x"), torch.cat([part.x for part in alone(problem, 4)]).numpy())


def test_a_job_that_was_given_up_goes_on_where_it_was(tmp_path: Path) -> None:
    problem = small()
    frail = FrailSolver(tmp_path / "mended", float(problem.measurements[4, 0]), is_mended=False)
    with pytest.raises(SolveError, match=r"block 2 .*from number 4.* ended 2 times, at last with code -9"):
        solve_many(problem, frail, out=tmp_path / "out", block=2, n_attempts=2)
    kept = {part: part.stat().st_mtime_ns for part in (tmp_path / "out").glob("part-*.npz")}
    assert [part.name for part in sorted(kept)] == ["part-00000.npz", "part-00001.npz"]
    frail.marker.touch()
    steps = []
    found = solve_many(
        problem, frail, out=tmp_path / "out", block=2, monitor=lambda n, of: steps.append((n, of))
    )
    assert steps == [(6, 7), (7, 7)]
    assert all(part.stat().st_mtime_ns == time for part, time in kept.items())
    assert found.read("misfit").shape == (7,)


def test_a_parent_that_is_killed_leaves_no_process_and_no_broken_part(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from slow_job import run; run(Path(sys.argv[1]))"
    paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SLOW_JOB": str(tmp_path)},
    )
    end = time.monotonic() + 300
    while not (tmp_path / "out" / "part-00000.npz").exists() and time.monotonic() < end:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while _working(f"SLOW_JOB={tmp_path}") and time.monotonic() < end:
        time.sleep(0.1)
    assert not _working(f"SLOW_JOB={tmp_path}")
    found = solve_many(small(), SOLVER, out=tmp_path / "out", block=1)
    np.testing.assert_array_equal(found.read("x"), torch.cat([part.x for part in alone(small(), 1)]).numpy())


def _working(marker: str) -> list[Path]:
    """Return the processes whose environment says that they are of the job."""
    return [folder for folder in Path("/proc").glob("[0-9]*") if marker.encode() in _environment(folder)]


def _environment(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solve in this process."""

    def run(job: BlockJob, indices: list[int], *, done: Callable[[int], None], **_: int) -> None:
        for index in indices:
            job.run(index)
            done(index)

    monkeypatch.setattr("sciadv.verbs.solve_many.solve_on_processes", run)


@pytest.mark.usefixtures("here")
def test_folder_of_another_job_is_refused(tmp_path: Path) -> None:
    problem = small(3)
    solve_many(problem, SOLVER, out=tmp_path, block=2)
    with pytest.raises(InputError, match="another job: seed differ"):
        solve_many(problem, SOLVER, out=tmp_path, block=2, seed=1)
    with pytest.raises(InputError, match="another job: measurements, problem differ"):
        solve_many(problem.subset(slice(0, 2)), SOLVER, out=tmp_path, block=2)
    with pytest.raises(InputError, match="another job: settings differ"):
        solve_many(problem, LevenbergMarquardt(restarts=3), out=tmp_path, block=2)
    (tmp_path / "job.json").unlink()
    with pytest.raises(InputError, match="unknown job"):
        solve_many(problem, SOLVER, out=tmp_path, block=2)


def test_words_of_a_worker_are_the_users(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="block 0: "):
        solve_many(small(2), "wirtinger-flow", out=tmp_path)


def test_what_cannot_be_sent_is_refused(tmp_path: Path) -> None:
    problem = small(2)
    problem.forward.weights = lambda x: x
    with pytest.raises(InputError, match="cannot be sent to other processes"):
        solve_many(problem, SOLVER, out=tmp_path)


def test_ray_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sciadv.verbs.blocks.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"sciadv\[cluster\]"):
        solve_many(small(2), SOLVER, out=tmp_path, engine="ray")
