"""Faults while a command writes: a full disk, Ctrl-C, two runs at once. Nothing is lost, nothing mixed."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_cli import folder, solve_mine, summary  # noqa: F401  # a fixture

from sciadv.cli.edge import Interruption
from sciadv.files.publishing import lock_folder
from sciadv.report.solution_page import RESULTS


def contents(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(place.iterdir())}


def failing(monkeypatch, call, at, error, *, always=False):
    real, seen = getattr(os, call), []

    def fail(*arguments, **settings):
        seen.append(1)
        if len(seen) == at or (always and len(seen) > at):
            raise error
        return real(*arguments, **settings)

    monkeypatch.setattr(os, call, fail)


@pytest.mark.parametrize(
    ("call", "at"), [("write", 1), ("write", 4), ("fsync", 2), ("fsync", 9), ("replace", 3), ("replace", 6)]
)
def test_a_full_disk_is_a_sentence_and_the_older_results_stay(folder, monkeypatch, call, at):  # noqa: F811
    solve_mine(folder)
    before = contents(folder / "out")
    failing(monkeypatch, call, at, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), always=True)
    said = solve_mine(folder, "--seed", "1", code=2)
    assert "cannot be written: No space left on device" in said.err
    assert said.err.count("\n") == 1
    assert contents(folder / "out") == before


@pytest.mark.parametrize(("call", "at"), [("write", 2), ("fsync", 3), ("replace", 2), ("replace", 6)])
def test_ctrl_c_at_a_write_keeps_what_was_found(folder, monkeypatch, call, at):  # noqa: F811
    failing(monkeypatch, call, at, KeyboardInterrupt())
    said = solve_mine(folder, code=130)
    assert "all results are in" in said.err
    assert set(contents(folder / "out")) == set(RESULTS)
    assert summary(folder)["interrupted"] is False


def test_ctrl_c_in_the_figure_keeps_what_was_found(folder, monkeypatch):  # noqa: F811
    from sciadv.report import solution_page

    real = solution_page.plot_solution

    def interrupted(*arguments, **settings):
        os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments, **settings)

    monkeypatch.setattr(solution_page, "plot_solution", interrupted)
    said = solve_mine(folder, code=130)
    assert "all results are in" in said.err
    assert set(contents(folder / "out")) == set(RESULTS)


def test_a_second_run_into_a_folder_is_refused_before_it_starts(folder):  # noqa: F811
    code = (
        "import sys; from pathlib import Path; from sciadv.files.publishing import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(folder / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        said = solve_mine(folder, code=2)
        assert "another run is writing to" in said.err
        other.communicate()


@pytest.mark.parametrize("link", ["same", "hard", "symbolic"])
def test_measurements_are_not_overwritten_by_results(folder, link):  # noqa: F811
    y = np.ones((2, 1, 4, 4), np.float32)
    np.savez("y.npz", y=y)
    (folder / "out").mkdir()
    target = folder / "out" / "solution.npz"
    if link == "hard":
        target.hardlink_to(Path("y.npz"))
    elif link == "symbolic":
        target.symlink_to(Path("y.npz").absolute())
    given = Path("y.npz")
    if link == "same":
        given = Path("y.npz").rename(target)
    said = solve_mine(folder, "--measurements", given, code=2)
    assert "is not overwritten" in said.err
    assert [path.name for path in (folder / "out").iterdir()] == ["solution.npz"]
    with np.load(given) as arrays:
        np.testing.assert_array_equal(arrays["y"], y)


def test_ctrl_c_stops_only_where_it_may():
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.came_late
        with pytest.raises(KeyboardInterrupt), interruption.may_stop():
            os.kill(os.getpid(), signal.SIGINT)
        assert interruption.happened
        with interruption.may_stop():
            os.kill(os.getpid(), signal.SIGINT)


def test_a_search_is_stopped_at_its_next_report_or_by_a_second_ctrl_c():
    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt), interruption.searching() as monitor:  # noqa: PT012
            os.kill(os.getpid(), signal.SIGINT)
            assert not interruption.happened
            monitor(None)
        assert interruption.happened
    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt), interruption.searching():  # noqa: PT012
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        assert interruption.happened
    with Interruption() as interruption:
        with interruption.searching():
            os.kill(os.getpid(), signal.SIGINT)
        assert interruption.came_late


def test_the_lock_of_a_killed_run_does_not_block(folder):  # noqa: F811
    code = (
        "import os, sys; from pathlib import Path; from sciadv.files.publishing import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder / "out")], check=False)
    with lock_folder(folder / "out"):
        pass


def test_the_command_line_is_imported_without_torch():
    code = "import sys, sciadv.cli; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
