import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.reconstruct.digits_superresolution import compare, draw, enlarge, table
from sciadv import Gaussian, Prior, Problem
from sciadv.errors import InputError
from sciadv.forward import BlockSum
from sciadv.nets import build_seeded
from sciadv.prior import Moments
from sciadv.solvers import LevenbergMarquardt

SHAPE = (1, 16, 16)
DECODER: dict[str, object] = {
    "kind": "mlp-decoder",
    "n_latent": 3,
    "image_shape": [1, 16, 16],
    "hidden": [16],
}


class Halves:
    """A classifier that tells whether the upper half is brighter."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        upper, lower = x[:, :, :8].mean((1, 2, 3)), x[:, :, 8:].mean((1, 2, 3))
        return torch.stack([upper, lower], 1)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self(x)


def tiny_problem() -> Problem:
    net = build_seeded(DECODER, 0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)
    prior = Prior(net, 3, moments=Moments(torch.full(SHAPE, 0.5), 0.05 * torch.eye(256)))
    x, forward = prior.sample(12, seed=0), BlockSum(SHAPE, 4)
    return Problem(prior, forward, Gaussian(0.1), forward(x), labels=Halves()(x).argmax(1))


@pytest.mark.parametrize("mode", ["nearest", "bicubic", "bicubic, thresholded"])
def test_full_blocks_become_ones(mode: str) -> None:
    assert torch.allclose(enlarge(torch.full((1, 1, 4, 4), 16.0), 16, mode), torch.ones(1, *SHAPE))


def test_nearest_has_no_misfit_and_thresholding_gives_two_values() -> None:
    counts = 16 * torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(BlockSum(SHAPE, 4)(enlarge(counts, 16, "nearest")), counts, atol=1e-4)
    assert set(enlarge(counts, 16, "bicubic, thresholded").unique().tolist()) <= {0.0, 1.0}


def test_rows_judge_every_method_and_the_summary_has_the_margin() -> None:
    rows = compare(tiny_problem(), Halves(), LevenbergMarquardt())
    by_name = {row["row"]: row for row in rows}
    methods = ["levenberg-marquardt", "lmmse", "bicubic", "bicubic, thresholded", "nearest"]
    assert list(by_name) == [*methods, "summary"]
    ours = by_name["levenberg-marquardt"]
    assert ours["accuracy"] == 1
    assert ours["misfit_counts"] < 0.2
    assert by_name["nearest"]["misfit_counts"] == pytest.approx(0, abs=1e-5)
    best = max(by_name[name]["accuracy"] for name in methods[1:])
    assert by_name["summary"]["margin"] == pytest.approx(ours["accuracy"] - best)


def test_table_and_picture_show_every_method() -> None:
    rows = compare(tiny_problem(), Halves(), LevenbergMarquardt())
    assert table(rows).count("\n") == 6
    figure = Figure()
    draw(figure, rows)
    assert len(figure.axes) == 2


def test_a_prior_without_moments_has_no_lmmse_row() -> None:
    problem = tiny_problem()
    bare = Prior(problem.prior.generator, 3)
    stripped = Problem(bare, problem.forward, problem.likelihood, problem.measurements, labels=problem.labels)
    assert "lmmse" not in {row["row"] for row in compare(stripped, Halves(), LevenbergMarquardt())}


def test_measurements_without_labels_get_a_sentence() -> None:
    problem = tiny_problem().with_measurements(tiny_problem().measurements)
    with pytest.raises(InputError, match="needs labels"):
        compare(problem, Halves(), LevenbergMarquardt())
