"""The problem's one check of everything against everything, each with a sentence."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciadv import Gaussian, Prior, Problem
from sciadv.errors import InputError
from sciadv.testing import linear_problem


def test_any_matrix_is_wrapped_and_arrays_are_taken():
    problem = linear_problem()
    again = Problem(problem.prior, np.eye(24)[:5], Gaussian(0.1), np.zeros((2, 5), dtype=np.float64))
    assert again.forward.out_shape == (5,)
    assert again.measurements.dtype == torch.float32


@pytest.mark.parametrize(
    ("measurements", "words"),
    [
        (torch.zeros(2, 11), r"shape \(2, 11\), but the operator gives \(batch, 12\)"),
        (torch.zeros(12), r"add the batch: y\[None\]"),
        (torch.zeros(0, 12), "measurements are empty"),
        (torch.zeros(2, 12, dtype=torch.complex64), "measurements are complex"),
        (np.array([["a"] * 12]), "measurements must be an array of numbers"),
    ],
)
def test_bad_measurements_are_refused_in_words(measurements, words):
    with pytest.raises(InputError, match=words):
        linear_problem().with_measurements(measurements)


def test_nan_is_counted_and_located():
    y = torch.zeros(3, 12)
    y[1, 4] = float("nan")
    y[2, 0] = float("inf")
    with pytest.raises(InputError, match=r"hold 2 NaN or Inf of 36, the first at index \(1, 4\)"):
        linear_problem().with_measurements(y)


def test_operator_for_other_images_is_refused():
    problem = linear_problem()
    with pytest.raises(InputError, match=r"\(1, 4, 6\)"):
        Problem(problem.prior, torch.zeros(5, 30), Gaussian(0.1), torch.zeros(1, 5))


def test_operator_of_another_precision_is_refused():
    problem = linear_problem()
    with pytest.raises(InputError, match="make both with one precision"):
        replace(problem, forward=problem.forward.double())


def test_negative_latent_weight_is_refused():
    problem = linear_problem()
    with pytest.raises(InputError, match="latent_weight"):
        Problem(problem.prior, problem.forward, Gaussian(0.1), problem.measurements, latent_weight=-1)


@pytest.mark.parametrize("known", ["truth", "labels"])
def test_truth_and_labels_of_other_measurements_are_refused(known):
    problem = linear_problem()
    with pytest.raises(InputError, match=f"{known} has 2 rows for 6 measurements"):
        replace(problem, **{known: torch.zeros(2, 1, 4, 6)})


def test_generator_with_other_latents_is_named():
    prior = Prior(torch.nn.Linear(5, 12), latent_shape=4, name="mine")
    with pytest.raises(InputError, match=r"prior 'mine' does not take latents of shape \(batch, 4\)"):
        _ = prior.out_shape


def test_subset_keeps_truth_and_to_keeps_values():
    problem = linear_problem()
    part = problem.subset([1, 3])
    assert part.n_problems == 2
    assert torch.equal(part.truth, problem.truth[[1, 3]])
    assert torch.equal(problem.to("cpu").measurements, problem.measurements)


def test_absent_device_is_refused_in_words():
    with pytest.raises(InputError, match=r"device 'cuda:99' is not on this machine; there are: cpu"):
        linear_problem().to("cuda:99")
    with pytest.raises(InputError, match="device 'gpu'"):
        linear_problem().to("gpu")
