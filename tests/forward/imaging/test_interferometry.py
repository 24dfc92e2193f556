import math
from itertools import combinations

import numpy as np
import pytest
import torch

from sciadv.errors import InputError
from sciadv.forward import ClosureQuantities, Visibilities, closure_sets

MICROARCSECOND = math.radians(1 / 3600e6)


def array(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Baselines of stations on a plane [wavelengths], and their ends."""
    place = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3e9
    ends = torch.tensor(list(combinations(range(n), 2)))
    return place[ends[:, 1]] - place[ends[:, 0]], ends


def positions(n: int, field: float) -> tuple[np.ndarray, np.ndarray]:
    """l of the columns, east to the left, and m of the rows, north up [radians]."""
    pixel = field * MICROARCSECOND / n
    return ((n - 1) / 2 - np.arange(n)) * pixel, ((n - 1) / 2 - np.arange(n)) * pixel


@pytest.mark.parametrize("n", [6, 7])
def test_visibilities_are_the_sum_over_pixels(n: int) -> None:
    x = np.random.default_rng(0).random((1, 1, n, n))
    uv, _ = array(4)
    l, m = positions(n, 150.0)  # noqa: E741  # as in the formula
    u, v = uv.numpy().T[:, :, None, None]
    expected = (x[0] * np.exp(-2j * np.pi * (u * l + v * m[:, None]))).sum((1, 2))
    A = Visibilities((1, n, n), uv, field_of_view=150.0, dtype=torch.float64)
    np.testing.assert_allclose(A(torch.from_numpy(x))[0], expected, rtol=1e-10)


def test_gaussian_source_has_a_gaussian_visibility() -> None:
    n, field, width = 64, 200.0, 12.0
    l, m = (one / MICROARCSECOND for one in positions(n, field))  # noqa: E741  # as in the formula
    x = np.exp(-((l - 10) ** 2 + (m[:, None] + 5) ** 2) / (2 * width**2))
    x /= x.sum()
    uv, _ = array(5)
    A = Visibilities((1, n, n), uv, field_of_view=field, dtype=torch.float64)
    size = np.exp(-2 * (np.pi * width * MICROARCSECOND) ** 2 * (uv.numpy() ** 2).sum(1))
    shift = (10 * uv[:, 0] - 5 * uv[:, 1]).numpy() * MICROARCSECOND
    np.testing.assert_allclose(
        A(torch.from_numpy(x)[None, None])[0], size * np.exp(-2j * np.pi * shift), atol=1e-6
    )


@pytest.mark.parametrize("n", [3, 4, 5, 8])
def test_there_are_as_many_closures_as_are_independent(n: int) -> None:
    sets = closure_sets(array(n)[1])
    assert len(sets.triangles) == (n - 1) * (n - 2) // 2
    assert len(sets.quadrangles) == n * (n - 3) // 2


def test_baselines_close_with_those_of_their_time_only() -> None:
    ends = torch.cat([array(4)[1], array(3)[1]])
    sets = closure_sets(ends, np.repeat([0.0, 0.5], [6, 3]))
    assert len(sets.triangles) == 3 + 1
    assert len(sets.quadrangles) == 2
    assert (sets.quadrangles < 6).all()


def test_errors_of_stations_change_no_closure() -> None:
    uv, ends = array(6)
    turned = torch.arange(len(ends)) % 3 == 1  # baselines written the other way round
    uv[turned], ends[turned] = -uv[turned], ends[turned].flip(1)
    F = ClosureQuantities((1, 8, 8), uv, ends, dtype=torch.float64)
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seen, flux = F.visibilities(x), x.flatten(1).sum(1)
    draw = torch.Generator().manual_seed(1)
    gain = 1 + torch.rand(6, generator=draw, dtype=torch.float64)
    error = gain * torch.exp(2j * math.pi * torch.rand(6, generator=draw, dtype=torch.float64))
    wrong = seen * error[ends[:, 0]] * error[ends[:, 1]].conj()
    assert float((wrong - seen).abs().max()) > 0.1
    torch.testing.assert_close(F.close(wrong, flux), F(x))


def test_closure_phases_are_sums_of_phases_and_know_no_shift() -> None:
    uv, ends = array(4)
    F = ClosureQuantities((1, 9, 9), uv, ends, has_flux=False, dtype=torch.float64)
    x = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    x[..., 2:5, 3:5] = torch.rand(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    phase = np.angle(F.visibilities(x)[0].numpy())  # of 01, 02, 03, 12, 13, 23
    loops = [phase[0] + phase[3] - phase[1], phase[0] + phase[4] - phase[2], phase[1] + phase[5] - phase[2]]
    found = F(x)[0, :3].numpy()
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * np.array(loops)), atol=1e-12)
    torch.testing.assert_close(F(x.roll((1, 2), (2, 3))), F(x))


def test_predicted_phases_are_within_half_a_turn_of_the_measured_ones() -> None:
    uv, ends = array(4)
    x = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain = ClosureQuantities((1, 6, 6), uv, ends, has_flux=False, dtype=torch.float64)(x)[0, :3]
    measured = plain + torch.tensor([3.0, -3.0, 7.0])
    near = ClosureQuantities(
        (1, 6, 6), uv, ends, measured_phases=measured, has_flux=False, dtype=torch.float64
    )(x)[0, :3]
    assert float((near - measured).abs().max()) <= math.pi
    torch.testing.assert_close(torch.exp(1j * near), torch.exp(1j * plain))


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ([[0, 1], [2, 3], [0, 3]], "3 stations must see each other"),
        ([[0, 1], [1, 0], [0, 2]], "once at a time"),
        ([[0, 1], [1, 1], [0, 2]], "two stations"),
        ([[0, 1], [1, 2]], "one for each of the 3"),
    ],
)
def test_baselines_that_do_not_close_are_refused(ends: list[list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ClosureQuantities((1, 4, 4), torch.ones(3, 2), torch.tensor(ends))
