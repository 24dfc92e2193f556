import matplotlib
import pytest
import torch

from benchmarks import BENCHES
from benchmarks.contract import judge_bars
from benchmarks.structures.cell_realism import Realism
from benchmarks.structures.cell_rivals import CutField, counted, free_pixels, from_draws, rounded
from benchmarks.structures.design_microstructure import draw, from_patches, judged, seams, table, targets
from sciadv.catalogue import problem_spec
from sciadv.data.media import overlapping_discs
from sciadv.forward import Microstructure

matplotlib.use("Agg")
GOALS = {"conductivity": 5.0}


@pytest.fixture(scope="module")
def model():
    return Microstructure((1, 64, 64), conductivities=(7.7, 0.6), properties=("conductivity",))


@pytest.fixture(scope="module")
def patches():
    discs = torch.from_numpy(overlapping_discs(seed=0, side=512)).float() / 255
    return discs.unfold(0, 64, 28).unfold(1, 64, 28).reshape(-1, 64, 64)


def test_free_pixels_reach_the_goal(model):
    with counted() as evaluations:
        x = free_pixels(model, GOALS, 2, 0)
    assert judged(model, x, GOALS)["hit"] >= 0.5
    assert set(x.unique().tolist()) <= {0.0, 1.0}
    assert 2 <= sum(evaluations) <= 80


def test_a_cut_field_has_the_share_and_the_correlations_of_the_patches(patches):
    net = CutField(patches)
    x = net(torch.randn(200, net.n_latent, generator=torch.Generator().manual_seed(0)))[:, 0]
    share = float(patches.mean())
    assert float(x.mean()) == pytest.approx(share, abs=0.03)
    near = [float((one[:, 4:] * one[:, :-4]).mean()) for one in (x, patches)]
    assert near[0] == pytest.approx(near[1], abs=0.03)


def test_cells_from_draws_hit_and_lie_within_the_bounds(model, patches):
    found = judged(model, from_draws(model, CutField(patches).double(), GOALS, 2, 0), GOALS)
    assert found["within_bounds"] == 1.0
    assert found["hit"] == 1.0


def test_real_patches_are_like_the_medium_and_have_seams(patches):
    realism = Realism.of(patches)
    assert realism.judge(patches)["two_point_alike"] == pytest.approx(0.95, abs=0.02)
    noise = (torch.rand(20, 64, 64, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    assert realism.judge(noise)["realistic"] == 0.0
    assert seams(patches[:, None]) > 2.0
    values = torch.rand(len(patches), 4, dtype=torch.float64)
    assert from_patches(patches, values, GOALS, 3, 0).shape == (3, 1, 64, 64)
    assert len(targets(values, quick=False)) == 7


def test_rounding_keeps_the_derivative_of_a_sigmoid():
    logits = torch.tensor([-1.0, 2.0], requires_grad=True)
    rounded(logits).sum().backward()
    torch.testing.assert_close(logits.grad, (logits.sigmoid() * (1 - logits.sigmoid())).detach())


def test_bars_are_those_of_the_rows_and_all_is_drawn():
    from matplotlib.figure import Figure

    shares = {"two_point_alike": 0.95, "connectivity_alike": 0.9, "realistic": 0.9}
    ours = {"row": "ours", "hit": 1.0, "within_bounds": 1.0, "model_from_fem": 1e-3, "seams": 1.0}
    rows = [{**ours, **shares, "ahead_of_topology_optimisation": 0.3}, {"row": "held-out patches", **shares}]
    bars = judge_bars(problem_spec("microstructure").bench.bars, rows)
    assert len(bars) == 5
    assert all(bar.holds for bar in bars)
    assert "held-out patches" in table(rows)
    draw(Figure(), rows)
    assert BENCHES["design-microstructure"].problem == "microstructure"
