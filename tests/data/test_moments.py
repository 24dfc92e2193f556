"""Moments: a factored covariance is the dense one, in memory and in files, and nothing is asked for twice."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.data.moments import DENSE_PIXELS, Moments, Residual, factored, moments_of
from sciadv.errors import InputError


def factor_of(pixels: int, rank: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(pixels, rank, generator=draw), 0.1 + torch.rand(pixels, generator=draw)


@settings(max_examples=20)
@given(pixels=st.integers(1, 12), rank=st.integers(1, 4), n=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_factored_covariance_multiplies_as_the_dense_one(pixels: int, rank: int, n: int, seed: int) -> None:
    factor, diagonal = factor_of(pixels, rank, seed)
    split = Moments(torch.zeros(pixels), factor=factor, diagonal=diagonal)
    dense = Moments(torch.zeros(pixels), factor @ factor.T + diagonal.diag())
    columns = torch.randn(2, pixels, n, generator=torch.Generator().manual_seed(seed)).double()
    torch.testing.assert_close(split.covariance, dense.covariance)
    torch.testing.assert_close(split.times(columns), dense.times(columns), atol=1e-5, rtol=1e-5)
    assert split.times(columns).dtype == torch.float64


def test_a_copy_in_another_precision_is_the_same_covariance() -> None:
    factor, diagonal = factor_of(5, 2)
    for moments in (
        Moments(torch.ones(5), torch.eye(5)),
        Moments(torch.ones(5), factor=factor, diagonal=diagonal),
    ):
        double = moments.to(torch.device("cpu"), torch.float64)
        assert (double.mean.dtype, double.covariance.dtype) == (torch.float64, torch.float64)
        torch.testing.assert_close(double.covariance.float(), moments.covariance)


def test_moments_are_those_of_numpy() -> None:
    samples = torch.rand(50, 1, 3, 2, generator=torch.Generator().manual_seed(0))
    moments = moments_of(samples)
    torch.testing.assert_close(moments.mean, samples.mean(0))
    torch.testing.assert_close(moments.covariance, torch.cov(samples.flatten(1).T, correction=0))


def test_a_large_covariance_survives_its_file_as_factor_and_diagonal(tmp_path) -> None:
    pixels = DENSE_PIXELS + 1
    factor, diagonal = factor_of(pixels, 3)
    large = Moments(torch.zeros(1, 1, pixels), factor @ factor.T + diagonal.diag())
    large.save(tmp_path)
    read = Moments.load(tmp_path)
    assert read is not None
    assert read.dense is None
    rank = factored(read)[0].shape[1]
    assert rank < pixels
    error = (read.covariance - large.covariance).abs()
    assert float(error.max()) < 0.02 * float(large.covariance.abs().max())  # half precision
    Residual(large, large, torch.rand(2, 1, 1, pixels)).save(tmp_path)
    both = Residual.load(tmp_path)
    assert both is not None
    assert torch.equal(both.logits.mean, large.mean)


def test_moments_without_a_covariance_are_refused() -> None:
    with pytest.raises(InputError, match="covariance"):
        Moments(torch.zeros(3))
    with pytest.raises(InputError, match="diagonal"):
        Moments(torch.zeros(3), factor=torch.zeros(3, 1))
