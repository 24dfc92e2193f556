import matplotlib
import pytest
import torch

from benchmarks import BENCHES
from benchmarks.contract import judge_bars
from benchmarks.structures.design_beam import (
    Condition,
    designed,
    draw,
    is_connected,
    simulation,
    starts,
    stepped,
    table,
    unseen,
)
from sciadv.catalogue import problem_spec, untrained_prior
from sciadv.forward import Beam
from sciadv.likelihood import Tolerance
from sciadv.nets.spatial.beam_decoder import BeamDecoder
from sciadv.physics.continuum.elasticity import half_beam
from sciadv.problem import Problem

matplotlib.use("Agg")


def posed(height, width):
    """Give a problem of small beams, over images of a few waves."""
    model = Beam((1, height, width), n_waves=2)
    known = torch.full((1, 1), 100.0)
    return Problem(untrained_prior(model), model, Tolerance(0.01, is_relative=True), known, 0.0, "beam")


def test_steps_from_a_known_design_keep_the_volume_and_are_stiffer_than_from_even_density():
    torch.manual_seed(0)
    net = BeamDecoder(height=10, width=20, channels=2, n_known=9)
    (condition, *_) = unseen(2, 0)
    plate = half_beam(10, 20, round(20 * condition.load) / 20)
    even, _ = stepped(lambda _: None, condition, plate, 20)
    net.known.copy_((255 * even).round().to(torch.uint8).expand(9, -1, -1))
    found = {name: stepped(start, condition, plate, 2) for name, start in starts(net).items()}
    volumes = torch.stack([density.mean() for density, _ in found.values()])
    torch.testing.assert_close(volumes, torch.full_like(volumes, condition.volume), rtol=1e-9, atol=0)
    assert found["nearest known design"][1] < found["even density"][1]


def test_pieces_are_counted():
    density = torch.zeros(6, 6)
    density[1] = 1
    assert is_connected(density)
    density[4] = 1
    assert not is_connected(density)


def test_conditions_are_within_the_ranges_and_on_corners():
    for condition in unseen(50, 3):
        assert 0.15 <= condition.volume <= 0.4
        assert 1.5 <= condition.radius <= 4.0
        assert abs(100 * condition.load - round(100 * condition.load)) < 1e-9


def test_the_product_gives_a_beam_of_the_condition(monkeypatch):
    monkeypatch.setattr("sciadv.forward.Beam.n_library", 4)
    condition = unseen(1, 0)[0]
    problem = posed(10, 20)
    plate = half_beam(10, 20, 0.9)
    density, value = designed(problem, Condition(condition.volume, 1.5, 0.9), plate)
    assert abs(float(density.mean()) / condition.volume - 1) < 1e-9
    _, even = stepped(lambda _: None, Condition(condition.volume, 1.5, 0.9), plate, 100)
    assert value < 1.0001 * even


@pytest.mark.parametrize("load", [0.0, 0.29, 0.92])
def test_compliance_is_that_of_engibench(load):
    pytest.importorskip("engibench")
    assert simulation([Condition(0.3, 2.0, load)])["largest_deviation"] < 1e-8


def test_bars_are_those_of_the_rows_and_all_is_drawn(monkeypatch):
    from matplotlib.figure import Figure

    monkeypatch.setattr("benchmarks.structures.design_beam.training_cpu_seconds", lambda: 100.0)
    numbers = {"median_error": 0.001, "p90_error": 0.01, "worst_error": 0.02, "volume_error": 1e-13}
    numbers |= {"connected": 1.0, "cpu_seconds": 0.2, "cpu_share": 0.09}
    rows = [{"row": f"ours, {n} steps", **numbers} for n in (4, 9)]
    rows += [{"row": "in full", "cpu_seconds": 2.0}, {"row": "published", "largest_deviation": 1e-5}]
    rows[-1]["row"] = "published compliances"
    rows += [{"row": "EngiBench's simulation", "largest_deviation": 1e-12}]
    rows += [{"row": "sciadv design", **numbers, "median_error": -0.02}]
    bars = judge_bars(problem_spec("compliance-beam").bench.bars, rows)
    assert len(bars) == 11
    assert all(bar.holds for bar in bars)
    assert "10.20" in table(rows)
    draw(Figure(), rows)
    assert BENCHES["design-beam"].problem == "compliance-beam"
