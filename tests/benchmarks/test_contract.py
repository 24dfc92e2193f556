import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import benchmarks as bench_package
from benchmarks import BENCHES, Bench, run_bench
from benchmarks.contract import (
    PENDING,
    BarResult,
    Row,
    Settings,
    choose_peers,
    cpu_seconds,
    judge_bars,
    markdown_table,
    one_thread,
)
from sciadv.catalogue import entry_spec
from sciadv.errors import InputError, UnknownNameError

ROWS: list[Row] = [{"row": "ours", "mse": 0.1, "n": 3}, {"row": "theirs", "mse": 0.2, "extra": None}]


def bar(row: str, metric: str, op: str, bound: float) -> SimpleNamespace:
    return SimpleNamespace(name=f"{metric} of {row}", row=row, metric=metric, op=op, bound=bound, bench=None)


@pytest.mark.parametrize(
    ("op", "bound", "holds"),
    [("<=", 0.1, True), ("<", 0.1, False), (">=", 0.1, True), (">", 0.1, False), ("<=", 0.09, False)],
)
def test_a_bar_compares_as_it_says(op: str, bound: float, holds: bool) -> None:  # noqa: FBT001  # parametrized
    (result,) = judge_bars([bar("ours", "mse", op, bound)], ROWS)
    assert (result.value, result.holds) == (0.1, holds)


@pytest.mark.parametrize(("row", "metric"), [("nobody", "mse"), ("ours", "ssim"), ("theirs", "extra")])
def test_a_bar_without_a_value_is_missed(row: str, metric: str) -> None:
    (result,) = judge_bars([bar(row, metric, ">=", 0.0)], ROWS)
    assert result.value is None
    assert not result.holds
    assert result.sentence == f"MISSED: {metric} of {row} >= 0, not measured"


def test_a_bar_says_its_numbers() -> None:
    assert BarResult("speed", 44.1234, ">=", 40.0, True).sentence == "held: speed >= 40, measured 44.12"
    assert BarResult("ratio", 1.000183, "<=", 1.0, False).measured == "1.0002"
    assert BarResult("gain", 0.0, ">", 0.0, False).measured == "0"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """A bench of two rows under the name "tiny", and what it was run with."""
    seen: list[Settings] = []

    def run(settings: Settings) -> list[Row]:
        seen.append(settings)
        settings.report("working")
        return ROWS

    def draw(figure, rows):  # type: ignore[no-untyped-def]
        figure.subplots().bar([row["row"] for row in rows], [row["mse"] for row in rows])

    made = Bench(
        "A tiny bench", "tiny", run, draw, lambda _: markdown_table(["a", "b"], [[1, 2]]), peers=("numpy",)
    )
    monkeypatch.setitem(BENCHES, "tiny", made)
    bars = (bar("ours", "mse", "<=", 0.15), bar("theirs", "mse", "<=", 0.15))
    spec = SimpleNamespace(bench=SimpleNamespace(bars=bars))
    monkeypatch.setattr(bench_package, "entry_spec", lambda name: {"tiny": spec}[name])
    return seen


def test_the_payload_is_what_the_contract_says(tiny: list[Settings]) -> None:
    payload = json.loads(json.dumps(run_bench("tiny", seed=7).payload()))
    assert set(payload) == {"rows", "bars", "machine", "versions", "seed"}
    assert payload["seed"] == 7
    assert [set(b) for b in payload["bars"]] == 2 * [{"name", "value", "op", "bound", "holds"}]
    assert [b["holds"] for b in payload["bars"]] == [True, False]
    assert payload["rows"] == ROWS
    assert payload["versions"]["torch"] == torch.__version__.split("+")[0] or payload["versions"]["torch"]
    assert {"cpu", "cores", "python"} <= set(payload["machine"])


def test_files_are_written_and_told_about(tiny: list[Settings], tmp_path: Path) -> None:
    told: list[str] = []
    result = run_bench("tiny", out=tmp_path / "new", quick=True, report=told.append)
    folder = tmp_path / "new"
    assert {path.name for path in folder.iterdir()} == {"tiny.csv", "tiny.md", "tiny.png"}
    with (folder / "tiny.csv").open(encoding="utf-8") as file:
        assert [line["mse"] for line in csv.DictReader(file)] == ["0.1", "0.2"]
    assert "**missed**" in (folder / "tiny.md").read_text(encoding="utf-8")
    assert (folder / "tiny.png").read_bytes()[:4] == b"\x89PNG"
    assert told[0] == "working"
    assert [sentence.split(":")[0] for sentence in told[1:]] == ["held", "MISSED"]
    assert not result.holds
    assert tiny[0].quick
    assert tiny[0].cache == folder / "parts"


def test_nothing_is_written_without_a_folder(
    tiny: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_bench("tiny")
    assert list(tmp_path.iterdir()) == []
    assert tiny[0].cache is None


def test_installed_peers_are_measured_unless_told_otherwise(tiny: list[Settings]) -> None:
    run_bench("tiny")
    run_bench("tiny", peers=[])
    assert [settings.peers for settings in tiny] == [("numpy",), ()]


def test_peers_that_are_unknown_or_absent_get_a_sentence() -> None:
    assert choose_peers(["no_such_library"], None) == ()
    with pytest.raises(InputError, match="pip install no_such_library"):
        choose_peers(["no_such_library"], ["no_such_library"])
    with pytest.raises(UnknownNameError, match="no peer is named 'x'"):
        choose_peers(["deepinv"], ["x"])


def test_an_unknown_bench_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="compressed-sensing"):
        run_bench("compressed-sensin")


@pytest.mark.parametrize("name", [name for name, bench in BENCHES.items() if bench.problem])
def test_every_problems_bench_has_bars(name: str) -> None:
    assert entry_spec(BENCHES[name].problem).bench.bars
    assert BENCHES[name].title


def test_one_thread_restores_the_threads() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_cpu_seconds_count_work_and_not_sleep() -> None:
    import time

    with cpu_seconds() as idle:
        time.sleep(0.05)
    with cpu_seconds() as busy:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
    assert idle() < 0.03 < busy()


def test_an_interrupted_bench_leaves_older_results_as_they_were(
    tiny: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_bench("tiny", out=tmp_path)
    older = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    interrupted = replace(BENCHES["tiny"], run=lambda _: [*ROWS, {"row": "late", PENDING: True}])
    monkeypatch.setitem(BENCHES, "tiny", interrupted)
    result = run_bench("tiny", out=tmp_path)
    assert not result.is_complete
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == older
