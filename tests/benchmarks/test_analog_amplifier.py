import pytest
import torch

from benchmarks import BENCHES
from benchmarks.contract import judge_bars
from benchmarks.design.analog_amplifier import draw, table
from benchmarks.design.analog_response import response_row
from benchmarks.design.analog_specs import METHODS, Task, met, spec_row
from benchmarks.design.random_linear_circuits import KINDS, random_circuits
from sciadv.catalogue import problem_spec
from sciadv.domains.analog_circuits.sized_library import SizedLibrary
from sciadv.forward import AnalogAmplifier
from sciadv.forward.circuits import ngspice
from sciadv.forward.design.quantity import box_of


@pytest.fixture(scope="module")
def task():
    model = AnalogAmplifier(dtype=torch.float64)
    engine = torch.quasirandom.SobolEngine(23, scramble=True, seed=0)
    library = SizedLibrary.of(box_of(model).from_unit(engine.draw(400, dtype=torch.float64)))
    targets = torch.tensor([[60.0, 1e9, 60.0], [45.0, 2e9, 75.0]], dtype=torch.float64)
    return Task(library, targets, 0)


def test_random_circuits_are_of_every_kind_and_differ():
    circuits = random_circuits(8, seed=0)
    assert [one.title for one in circuits] == [*KINDS, *KINDS]
    assert circuits[0] != circuits[4]


@pytest.mark.skipif(not ngspice.is_installed(), reason="ngspice is not installed")
def test_responses_are_compared_and_timed():
    row = response_row(8, 0, n_alone=3, n_repeats=1)
    assert row["largest_relative_error"] < 1e-8
    assert row["ngspice_per_second"] > 0


@pytest.mark.parametrize("name", [name for name in METHODS if name != "ours, after search"])
def test_every_method_answers_every_target(task, name):
    x = METHODS[name](task)
    assert x.shape == (2, 23)
    row = spec_row(name, [task])
    assert 0 <= row["met"] <= min(row["within_tolerance"], row["same_bin"])


def test_bins_are_those_of_100_dB_1_GHz_and_90_degrees(task):
    x = task.library.looked_up(task.targets)
    found = task.library.model(x).detach()
    _, same = met(task.library.model, x, found * 1.0001)
    assert bool(same.all()) or bool((found * 1.0001 % torch.tensor([100, 1e9, 90.0]) < 1e-1).any())
    _, other = met(task.library.model, x, found + torch.tensor([100.0, 0, 0]))
    assert not bool(other.any())


def example_rows():
    responses = {
        "row": "ours, responses",
        "is_ours": True,
        "n_circuits": 200,
        "largest_relative_error": 2e-9,
        "circuits_per_second": 4000.0,
        "ngspice_per_second": 40.0,
        "ngspice_one_process_per_second": 600.0,
        "times_ngspice": 100.0,
        "times_ngspice_one_process": 6.5,
        "circuits_per_second_in_large_batch": 9000.0,
    }
    spec = {"n_targets": 100, "within_tolerance": 0.9, "same_bin": 0.9, "met": 0.9, "cpu_ms_per_target": 1.0}
    merit = {"best": 315.0, "best_of_seeds": 319.0, "best_stable": 315.0, "cpu_seconds": 8.0}
    again = {"n_designs": 20, "n_good": 20, "confirmed": 1.0, "largest_relative_deviation": 1e-9}
    return [
        responses,
        {"row": "ours, one shot", "is_ours": True, **spec},
        {"row": "ours, after search", "is_ours": True, **spec},
        {"row": "ours, figure of merit", "is_ours": True, **merit},
        {"row": "netlists reloaded in ngspice", **again},
    ]


def test_tables_and_bars_name_the_rows_that_there_are():
    rows = example_rows()
    text = table(rows)
    assert "ours, after search" in text
    assert "20 of 20 designs" in text
    bars = judge_bars(problem_spec("analog-amplifier").bench.bars, rows)
    assert [bar.holds for bar in bars] == [True] * 6
    assert BENCHES["analog-amplifier"].problem == "analog-amplifier"


def test_rows_are_drawn():
    from matplotlib.figure import Figure

    figure = Figure()
    draw(figure, example_rows())
    assert len(figure.axes) == 2
