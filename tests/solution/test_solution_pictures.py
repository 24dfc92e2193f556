"""Every kind of picture shows what it says, of a solution alone."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from solution_of_everything import full_solution

from sciadv import Solution
from sciadv.errors import InputError

KINDS = ["results", "residuals", "restarts", "posterior", "convergence"]


def row_labels(figure):
    return [axis.get_ylabel().replace("\n", " ") for axis in figure.axes if axis.get_ylabel()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_a_figure_that_can_be_saved(kind):
    picture = io.BytesIO()
    full_solution().plot(kind).savefig(picture, format="png", dpi=40)
    assert picture.getvalue().startswith(b"\x89PNG")


def test_results_show_data_answers_spread_truth_and_residual():
    whole = full_solution()
    figure = whole.plot(truth=whole.x, n_examples=3)
    rows = ["measured y", "found x", "true x", "spread of x", "predicted F(x)", "residual F(x) - y"]
    assert row_labels(figure) == rows
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert len(titles) == 3
    assert titles[0].startswith(f"misfit {float(whole.misfit[0]):.4g}")


def test_results_without_measurements_show_the_prediction_alone():
    bare = dataclasses.replace(full_solution(), measurements=None, posterior=None)
    assert row_labels(bare.plot()) == ["found x", "predicted F(x)"]


def test_residuals_are_prediction_less_data_of_the_worst_first():
    whole = full_solution()
    figure = whole.plot("residuals", n_examples=2)
    worst = int(whole.misfit.argmax())
    assert figure.axes[0].get_ylabel().startswith(f"number {worst}\n")
    drawn = figure.axes[2].lines[0].get_ydata()  # the third panel of the first row
    assert np.array_equal(drawn, (whole.prediction - whole.measurements)[worst].numpy())


def test_posterior_shows_mean_spread_and_draws():
    figure = full_solution().plot("posterior")
    assert row_labels(figure) == ["mean", "spread", "draw 0", "draw 9", "draw 19"]
    shown = figure.axes[0].get_images()[0].get_array()
    assert np.allclose(shown, full_solution().posterior.mean[0, 0].numpy())


def test_convergence_shows_every_chain_of_the_latent_that_mixed_worst():
    whole = full_solution()
    latents = whole.posterior.latents.clone()
    latents[1, :10, 0] += 50  # the first chain of measurement 1 is elsewhere
    apart = dataclasses.replace(whole, posterior=dataclasses.replace(whole.posterior, latents=latents))
    history, trace = apart.plot("convergence").axes
    assert np.array_equal(history.lines[0].get_ydata(), whole.history)
    assert trace.get_ylabel() == "latent 0 of measurement 1"
    assert np.array_equal(trace.lines[0].get_ydata(), latents[1, :10, 0].numpy())
    assert len(trace.lines) == 2


def test_what_a_method_does_not_have_is_said_in_words():
    bare = dataclasses.replace(
        full_solution(), restart_objectives=None, posterior=None, history=[], measurements=None
    )
    words = [
        text.get_text() for kind in ("restarts", "convergence") for text in bare.plot(kind).axes[0].texts
    ]
    assert words == ["made up has no restarts", "made up keeps no history"]
    with pytest.raises(InputError, match="does not hold its measurements"):
        bare.plot("residuals")
    with pytest.raises(InputError, match="gives one answer and no posterior"):
        bare.plot("posterior")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.complex64])
def test_types_that_images_lack_are_drawn(dtype):
    whole = full_solution()
    whole.plot()
    other: Solution = dataclasses.replace(whole, x=whole.x.to(dtype))
    assert "spread of x" in row_labels(other.plot())
