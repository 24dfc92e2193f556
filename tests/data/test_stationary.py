"""Stationary statistics against dense covariances, and their file."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciadv.data.stationary import (
    Stationary,
    StationaryField,
    StationaryStatistics,
    mirrored,
    stationary_of,
)
from sciadv.errors import InputError, WeightsError


def smooth_noise(n: int, channels: int, sides: tuple[int, ...], *, seed: int = 0) -> Tensor:
    """Return noise filtered by a kernel of its own, with 3 in place of a mean of 0."""
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, channels, *(side + 2 for side in sides), generator=draw)
    weight = torch.randn(channels, channels, *(3 for _ in sides), generator=draw)
    filtered: Tensor = getattr(torch.nn.functional, f"conv{len(sides)}d")(noise, weight)
    return 3 + filtered


def dense(statistics: Stationary, shape: tuple[int, ...]) -> Tensor:
    """Return the covariance ``(numbers, numbers)`` entry by entry."""
    K = statistics.autocovariance.double()
    half = [lag // 2 for lag in K.shape[2:]]
    places = torch.cartesian_prod(*(torch.arange(n) for n in shape))
    rows = []
    for c, *p in places.tolist():
        row = []
        for d, *q in places.tolist():
            lag = [b - a for a, b in zip(p, q, strict=True)]
            inside = all(abs(step) <= h for step, h in zip(lag, half, strict=True))
            row.append(
                float(K[(c, d, *(step + h for step, h in zip(lag, half, strict=True)))]) if inside else 0.0
            )
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 2), st.sampled_from([(7,), (4, 5), (3, 3, 2)]), st.integers(0, 5))
def test_products_are_those_of_the_dense_covariance(channels: int, sides: tuple[int, ...], seed: int) -> None:
    wide = tuple(2 * side + 6 for side in sides)
    statistics = stationary_of(smooth_noise(200, channels, wide, seed=seed), longest=3)
    shape = (channels, *sides)
    field = StationaryField(statistics, shape, dtype=torch.float64)
    n = len(dense(statistics, shape))
    C = field.times(torch.eye(n, dtype=torch.float64).reshape(n, *shape)).reshape(n, n)
    expected = dense(statistics, shape)
    assert float((C - expected).abs().max()) < 0.02 * float(expected.abs().max())  # clipped spectrum
    assert float(torch.linalg.eigvalsh(0.5 * (C + C.T)).min()) > -1e-10


def test_the_root_and_its_adjoint_are_adjoint_and_square_to_the_covariance() -> None:
    field = StationaryField(
        stationary_of(smooth_noise(50, 2, (20, 20)), longest=4), (2, 9, 6), dtype=torch.float64
    )
    draw = torch.Generator().manual_seed(0)
    w = torch.randn(3, *field.noise_shape, generator=draw, dtype=torch.float64)
    x = torch.randn(3, 2, 9, 6, generator=draw, dtype=torch.float64)
    assert float((field.root(w) * x).sum()) == pytest.approx(
        float((w * field.root_adjoint(x)).sum()), rel=1e-10
    )
    torch.testing.assert_close(field.root(field.root_adjoint(x)), field.times(x))


def test_drawn_fields_have_the_mean_and_variance_of_the_images() -> None:
    statistics = stationary_of(smooth_noise(200, 1, (40,)), longest=6)
    field = StationaryField(statistics, (1, 300))
    w = torch.randn(200, *field.noise_shape, generator=torch.Generator().manual_seed(0))
    drawn = field.mean + field.root(w)
    assert float(drawn.mean()) == pytest.approx(3, abs=0.1)
    assert float(drawn.var()) == pytest.approx(float(statistics.variance[0]), rel=0.05)


def test_statistics_come_back_from_their_file(tmp_path) -> None:
    one = stationary_of(smooth_noise(20, 1, (12, 12)), longest=3)
    saved = StationaryStatistics(one, one)
    assert StationaryStatistics.load(tmp_path) is None
    saved.save(tmp_path)
    again = StationaryStatistics.load(tmp_path)
    assert again is not None
    assert again.error.autocovariance.equal(one.autocovariance)


def test_a_file_of_something_else_is_refused(tmp_path) -> None:
    from sciadv.files.weights import write_tensors

    write_tensors(tmp_path / "stationary.safetensors", {"images.mean": torch.zeros(1)}, {})
    with pytest.raises(WeightsError, match="it has no"):
        StationaryStatistics.load(tmp_path)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="odd number of lags"):
        Stationary(torch.zeros(1), torch.zeros(1, 1, 4))
    with pytest.raises(InputError, match="longest lag"):
        stationary_of(torch.zeros(2, 1, 4), longest=4)
    with pytest.raises(InputError, match="2 channels"):
        StationaryField(Stationary(torch.zeros(2), torch.zeros(2, 2, 3)), (1, 8))


def test_mirrored_images_are_scipys_reflection_and_crops() -> None:
    import numpy as np

    images = torch.randn(2, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    wide = np.pad(images.numpy(), ((0, 0), (0, 0), (0, 7), (0, 4)), mode="symmetric")
    assert torch.equal(mirrored(images, (11, 9)), torch.from_numpy(wide))
    assert torch.equal(mirrored(images, (2, 5)), images[:, :, :2])


def test_reference_images_are_kept_to_a_grey_level(tmp_path) -> None:
    one = Stationary(torch.zeros(1), torch.ones(1, 1, 3))
    reference = torch.rand(3, 1, 8, generator=torch.Generator().manual_seed(0))
    StationaryStatistics(one, one, reference).save(tmp_path)
    known = StationaryStatistics.load(tmp_path)
    assert known is not None
    assert known.reference is not None
    assert float((known.reference - reference).abs().max()) < 1 / 255
