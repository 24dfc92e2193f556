"""The reliability bench: its cases, its judgement of outcomes, its fuzzers and its rows."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from benchmarks.reliability import bench, fuzzing, pool
from benchmarks.reliability.bad_input.all_cases import MODULES, all_cases
from benchmarks.reliability.bad_input.cases import Case, Entry, Value
from benchmarks.reliability.commands import CommandResult, command
from benchmarks.reliability.worker import ACCEPTED, CRASH, HANG, OUTCOMES, SENTENCE, SILENCE, TRACEBACK, judge
from sciadv.errors import InputError


def raises(error: BaseException) -> Case:
    def run(folder: Path) -> object:
        raise error

    return Case("case", "group", run)


def test_there_are_thousands_of_cases_with_names_of_their_own() -> None:
    cases = all_cases()
    assert len(cases) > 4000
    assert len({case.name for case in cases}) == len(cases)
    assert {case.module for case in cases} == set(MODULES)
    for command_name in ("solve", "design", "correct", "train", "list", "show", "demo", "bench"):
        assert any(case.group == f"sciadv {command_name}" for case in cases)


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        (raises(InputError("sigma must be > 0")), SENTENCE),
        (raises(InputError("")), TRACEBACK),
        (raises(ValueError("a")), TRACEBACK),
        (raises(SystemExit(3)), TRACEBACK),
        (Case("a", "a", lambda folder: 3), SILENCE),
        (Case("a", "a", lambda folder: 3, accepts="three", holds=lambda value: value == 3), ACCEPTED),
        (Case("a", "a", lambda folder: 4, accepts="three", holds=lambda value: value == 3), SILENCE),
        (Case("a", "a", lambda folder: CommandResult(2, "", "sciadv: no")), SENTENCE),
        (Case("a", "a", lambda folder: CommandResult(2, "", "")), TRACEBACK),
        (Case("a", "a", lambda folder: CommandResult(1, "", "sciadv: no")), TRACEBACK),
        (Case("a", "a", lambda folder: CommandResult(0, "", "")), SILENCE),
    ],
)
def test_an_outcome_is_judged_by_what_comes_out(case: Case, outcome: str, tmp_path: Path) -> None:
    assert judge(case, tmp_path)[0] == outcome


def test_an_entry_is_varied_one_argument_at_a_time() -> None:
    values = [Value("two", lambda: 2.0, accepts="2", like=lambda: 2), Value("three", lambda: 3)]
    cases = list(Entry("add", lambda a, b: a + b, lambda: {"a": 1, "b": 1}, digest=repr).vary({"a": values}))
    assert [case.name for case in cases] == ["add(a=two)", "add(a=three)"]
    assert cases[1].run(Path()) == 4
    assert cases[0].holds is not None
    assert not cases[0].holds(cases[0].run(Path()))  # 3.0 is not shown as 3 is


def test_a_command_is_run_in_this_process() -> None:
    assert command("show", "no-such-name").code == 2
    assert "no-such-name" in command("show", "no-such-name").errors


@pytest.mark.parametrize(
    ("code", "kind"), [("import time; time.sleep(60)", HANG), ("import os; os.abort()", CRASH)]
)
def test_hangs_and_crashes_are_told_apart(code: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    def start(self: pool.Worker) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"input(); {code}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    monkeypatch.setattr(pool.Worker, "start", start)
    worker = pool.Worker(limit=2.0)
    began = time.monotonic()
    assert worker.run(0).kind == kind
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("parts", ["bytes", "zip", "tensors"])
def test_a_mutation_is_the_same_for_a_seed(parts: str, tmp_path: Path) -> None:
    prepare = {"bytes": fuzzing._npy, "zip": fuzzing._npz, "tensors": fuzzing._checkpoint}[parts]
    content = prepare(tmp_path).read_bytes()
    made = [fuzzing.mutated(content, random.Random(seed), parts) for seed in range(20)]
    assert made == [fuzzing.mutated(content, random.Random(seed), parts) for seed in range(20)]
    assert sum(one != content for one in made) > 10


def test_no_mutated_file_escapes_its_reader() -> None:
    """In processes of their own: the type checks of the tests would be taken for the reader's."""
    for row in (bench.fuzzed("npz", 80, 0), bench.fuzzed("prior weights", 80, 0)):
        assert row == {"n": 80, "escapes": 0, "words": ""}


def test_rows_are_summed_and_thresholds_are_on_the_sums() -> None:
    counts = dict.fromkeys(OUTCOMES, 0)
    rows = [
        {"row": "bad input: a", "section": "bad input", "n": 300, **counts, SENTENCE: 299, CRASH: 1},
        {"row": "bad input: b", "section": "bad input", "n": 200, **counts, ACCEPTED: 200, "words": "x: y"},
        {"row": "fuzzer: npy", "section": "fuzzer", "n": 50, "escapes": 0},
        {"row": "endurance: memory", "section": "endurance", "n": 10, "mebibytes": 0.25},
    ]
    found = bench.summaries(rows)
    assert [row["row"] for row in found] == ["bad input: all", "fuzzer: all"]
    assert (found[0]["n"], found[0][CRASH], found[0]["answered"]) == (500, 1, 0.998)
    text = bench.table([*rows, *found])
    assert "| a | 300 | 299 | 0 | 0 | 0 | 0 | 1 |" in text
    assert "- bad input: b: x: y" in text
    bench.draw(Figure(), rows)
    names = {threshold.row for threshold in bench.BENCH.thresholds}
    assert names >= {row["row"] for row in found}


def test_every_part_has_its_plan() -> None:
    parts = list(bench._parts(bench.FULL, 0))
    assert len({part.file for part in parts}) == len(parts)
    assert sum(int(bench.FULL.n_fuzzed * fuzzing.SHARES.get(kind, 1)) for kind in fuzzing.targets()) >= 1e5
    assert bench.FULL.n_moments * 2 * len(bench.FULL.jobs) >= 100
    assert bench.FULL.n_threaded * 8 == 800
    assert len(list(bench._parts(bench.QUICK, 0))) < len(parts)
