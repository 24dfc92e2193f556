import io
import sys

import numpy as np
import pytest
import torch

from sciadv import Gaussian, Prior, Problem, solve
from sciadv.forward import BlockSum, Forward, GaussianSensing, MaskedFourier
from sciadv.nets import build_seeded
from sciadv.report.plotting import (
    plot_history,
    plot_misfit,
    plot_restarts,
    plot_samples,
    plot_solution,
    status_counts,
)
from sciadv.solvers.latent.scoring import noise_threshold

SHAPES = [(1, 8, 8), (1, 4, 12), (3, 8, 8), (1, 12, 4)]


def make_problem(forward: Forward, *, n: int = 4, sigma: float | None = 0.05) -> Problem:
    spec = {"kind": "mlp-decoder", "n_latent": 3, "image_shape": list(forward.in_shape), "hidden": [8]}
    prior = Prior(build_seeded(spec, 0), 3)
    truth = prior.sample(n, seed=1)
    y = Gaussian(0.05).sample(forward(truth), generator=torch.Generator().manual_seed(2))
    return Problem(prior=prior, forward=forward, likelihood=Gaussian(sigma), measurements=y, truth=truth)


@pytest.fixture
def problem():
    return make_problem(BlockSum((1, 8, 8), 4))


def labels(figure):
    return [axis.get_ylabel().replace("\n", " ") for axis in figure.axes if axis.get_ylabel()]


@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_shape_are_drawn_as_images(shape):
    problem = make_problem(BlockSum(shape, 2))
    figure = plot_solution(problem, solve(problem))
    assert labels(figure) == ["measured y", "found x", "true x", "predicted F(x)", "residual F(x) - y"]
    drawn = [axis.get_images()[0].get_array().shape[:2] for axis in figure.axes if axis.get_images()]
    assert drawn.count(shape[1:]) == 2 * 4
    assert drawn.count((shape[1] // 2, shape[2] // 2)) == 3 * 4


@pytest.mark.parametrize(
    ("forward", "prefix"),
    [(GaussianSensing((1, 8, 8), 10, seed=0), ""), (MaskedFourier((1, 8, 8), torch.arange(8) % 2 == 0), "|")],
)
def test_vectors_and_complex_data_are_drawn_as_lines(forward, prefix):
    problem = make_problem(forward)
    figure = plot_solution(problem, solve(problem))
    assert f"{prefix}measured y{prefix}" in labels(figure)
    assert sum(bool(axis.lines) for axis in figure.axes) == 3 * 4


def test_columns_say_misfit_and_status(problem):
    solution = solve(problem)
    figure = plot_solution(problem, solution, n_examples=3)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert len(titles) == 3
    worst = int(solution.misfit.argmax())
    assert titles[0].startswith(f"number {worst}\nmisfit {float(solution.misfit[worst]):.4g} ")
    assert titles[0].endswith("explained")
    assert status_counts(solution) in figure.get_suptitle()


@pytest.mark.parametrize("n", [1, 2])
def test_few_measurements_are_drawn_larger_a_row_each(problem, n):
    solution = solve(problem)
    figure = plot_solution(problem, solution, n_examples=n)
    titles = [axis.get_title().replace("\n", " ") for axis in figure.axes if axis.get_title()]
    assert titles == ["measured y", "found x", "true x", "predicted F(x)", "residual F(x) - y"]
    rows = labels(figure)
    assert len(rows) == n
    assert rows[0].startswith(f"number {int(solution.misfit.argmax())} misfit ")
    with io.BytesIO() as file:
        figure.savefig(file, format="png")
    found = figure.axes[n + 1].get_position()
    assert found.width > 0.15  # of the figure's


def test_measured_and_predicted_share_a_scale(problem):
    figure = plot_solution(problem, solve(problem))
    coarse = [
        a.get_images()[0]
        for a in figure.axes
        if a.get_images() and a.get_images()[0].get_array().shape == (2, 2)
    ]
    assert len({image.get_clim() for image in coarse[:8]}) == 1
    low, high = coarse[-1].get_clim()
    assert low == -high


def test_the_pixels_drawn_are_those_found(problem):
    solution = solve(problem)
    figure = plot_solution(problem, solution)
    images = [axis.get_images()[0].get_array() for axis in figure.axes if axis.get_images()]
    worst = int(solution.misfit.argmax())
    np.testing.assert_array_equal(images[0], problem.measurements[worst, 0])
    np.testing.assert_array_equal(images[4], solution.x[worst, 0])


def test_misfits_are_counted_beside_the_noise_level(problem):
    axis = plot_misfit(problem, solve(problem))
    assert sum(bar.get_height() for bar in axis.patches) == 4
    assert axis.lines[0].get_xdata()[0] == pytest.approx(noise_threshold(problem))


def test_no_noise_level_is_drawn_where_it_is_unknown():
    problem = make_problem(BlockSum((1, 8, 8), 4), sigma=None)
    assert not plot_misfit(problem, solve(problem)).lines


def test_restarts_are_counted(problem):
    solution = solve(problem, "adam", restarts=3)
    axis = plot_restarts(solution)
    heights = [bar.get_height() for bar in axis.patches]
    agreeing = (solution.agreement * 3).round().int().tolist()
    assert heights == [agreeing.count(1), agreeing.count(2), agreeing.count(3)]


def test_a_method_without_restarts_says_so(problem):
    axis = plot_restarts(solve(problem, "lasso"))
    assert axis.texts[0].get_text() == "lasso has no restarts"


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 8), (9,)])
def test_samples_of_any_shape_are_drawn(shape):
    spec = {"kind": "mlp-decoder", "n_latent": 3, "image_shape": list(shape), "hidden": [8]}
    figure = plot_samples(Prior(build_seeded(spec, 0), 3), n_rows=2, n_columns=3)
    drawn = [axis.get_images() if len(shape) == 3 else axis.lines for axis in figure.axes]
    assert [len(things) for things in drawn] == [1] * 6


def test_plots_go_onto_given_axes_and_leave_pyplot_alone(problem, monkeypatch):
    from matplotlib.figure import Figure

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # other tests may have asked for it
    solution = solve(problem)
    panels = Figure().subplots(3)
    assert plot_misfit(problem, solution, ax=panels[0]) is panels[0]
    assert plot_restarts(solution, ax=panels[1]) is panels[1]
    assert plot_history(solution, ax=panels[2]) is panels[2]
    assert "matplotlib.pyplot" not in sys.modules
