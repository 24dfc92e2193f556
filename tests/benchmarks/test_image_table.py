"""Scores of reconstructed images: what a row says, what the summary compares, and that parts are kept."""

from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.contract import Settings
from benchmarks.reconstruct.image_table import (
    Cell,
    Score,
    draw_images_table,
    image_rows,
    image_table,
    measure,
    plan_cells,
    score,
)
from sciadv import Gaussian, Prior, Problem
from sciadv.forward import Mask
from sciadv.metrics import psnr, ssim

SHAPE = (1, 12, 12)


def posed(case="a", seed=0):
    net = torch.nn.Sequential(torch.nn.Linear(2, 144), torch.nn.Sigmoid(), torch.nn.Unflatten(1, SHAPE))
    x = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(seed))
    forward = Mask(torch.rand(SHAPE, generator=torch.Generator().manual_seed(9)) > 0.5)
    y = Gaussian(0.1).sample(forward(x), generator=torch.Generator().manual_seed(seed + 1))
    return Problem(Prior(net, 2), forward, Gaussian(0.1), y, name=case, truth=x)


def scored(mse, cpu=1.0):
    return Score(mse, [10.0 + m for m in mse], [0.5] * len(mse), [1.0] * len(mse), cpu)


def test_a_score_is_that_of_the_metrics_and_one_for_the_truths_own_noise():
    problem = posed()
    result = score(lambda p: p.truth + 0.1, problem)
    assert result.mse == pytest.approx([0.01] * 4, rel=1e-4)
    assert result.psnr == pytest.approx(psnr(problem.truth + 0.1, problem.truth).tolist())
    assert result.ssim == pytest.approx(ssim(problem.truth + 0.1, problem.truth).tolist())
    exact = score(lambda p: p.truth, problem)
    assert sum(exact.chi_square) / 4 == pytest.approx(1, abs=0.25)


def test_methods_are_compared_on_the_images_that_both_had():
    scores = {
        Cell("a", "auto", 0, 4): scored([1.0, 2.0, 9.0, 9.0]),
        Cell("a", "slow", 0, 2): scored([2.0, 4.0]),
    }
    *rows, summary = image_rows(scores)
    assert [row["row"] for row in rows] == ["a, auto", "a, slow"]
    assert summary["row"] == "a, summary"
    assert summary["excess_max"] == pytest.approx((1.5 - 3.0) / 1.0)  # the standard error of 2 and 4 is 1
    assert summary["gain_min"] == pytest.approx(-1.5)
    assert rows[0]["mse_mean"] == pytest.approx(5.25)


def test_a_worse_method_of_ours_shows():
    scores = {Cell("a", "auto", 0, 2): scored([5.0, 7.0]), Cell("a", "other", 0, 2): scored([2.0, 4.0])}
    assert image_rows(scores)[-1]["excess_max"] == pytest.approx(3.0)


def test_finished_parts_are_not_measured_again(tmp_path):
    calls = []

    def method(problem):
        calls.append(len(problem.measurements))
        return problem.truth * 0.5

    cells = plan_cells(["a", "b"], {"auto": 3}, range(2))
    settings = Settings(cache=tmp_path)
    first = measure(cells, posed, {"auto": method}, settings)
    assert calls == [3] * 4
    again = measure(cells, posed, {"auto": method}, settings)
    assert calls == [3] * 4
    assert again == first
    measure(
        cells,
        lambda c, s: replace(posed(c, s), measurements=posed(c, s).measurements + 1),
        {"auto": method},
        settings,
    )
    assert len(calls) == 8  # other data, other parts


def test_table_and_picture_show_every_method():
    scores = {
        Cell(case, method, 0, 2): scored([0.1, 0.2])
        for case, method in (("a", "auto"), ("a", "tv"), ("b", "auto"))
    }
    rows = image_rows(scores)
    text = image_table(rows)
    assert "| a, tv | 2 | 150.00" in text
    assert "summary" not in text
    figure = Figure()
    draw_images_table(figure, rows)
    assert len(figure.axes[0].containers) >= 2
