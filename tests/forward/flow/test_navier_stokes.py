import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from sciadv.errors import InputError
from sciadv.forward import NavierStokesVorticity


def grid(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    one = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return one[:, None].expand(n, n), one[None].expand(n, n)


def smooth(n: int, seed: int = 0) -> torch.Tensor:
    """A few large modes of mean 0, about 1 in size."""
    draw = torch.Generator().manual_seed(seed)
    x, y = grid(n)
    total = torch.zeros(n, n, dtype=torch.float64)
    for kx, ky in [(1, 0), (0, 1), (1, 1), (1, -2), (2, 1)]:
        a, b = torch.randn(2, generator=draw, dtype=torch.float64)
        total = total + a * torch.cos(kx * x + ky * y) + b * torch.sin(kx * x + ky * y)
    return total[None, None]


def test_taylor_green_vortices_decay_exponentially() -> None:
    x, y = grid(16)
    w = (2 * torch.cos(x) * torch.cos(y))[None, None]
    F = NavierStokesVorticity((1, 16, 16), time=1.5, viscosity=0.1, forcing=0.0, every=1, dtype=torch.float64)
    torch.testing.assert_close(F(w), w * math.exp(-2 * 0.1 * 1.5), rtol=1e-10, atol=1e-12)


def test_flow_carried_by_a_mean_of_two_shears_is_that_of_an_independent_solver() -> None:
    """Finite differences of fourth order on a finer grid, by SciPy's Runge-Kutta, in NumPy."""
    n, viscosity, time = 32, 0.05, 0.4
    w0 = smooth(n)
    F = NavierStokesVorticity(
        (1, n, n), strength=1.0, time=time, viscosity=viscosity, every=1, dtype=torch.float64
    )
    fine = 4 * n
    h = 2 * math.pi / fine
    k = np.fft.fftfreq(fine, 1 / fine)
    square = k[:, None] ** 2 + k[None] ** 2
    square[0, 0] = 1.0
    y = grid(fine)[1].numpy()

    def slope(a: np.ndarray, axis: int) -> np.ndarray:
        far = np.roll(a, 2, axis) - np.roll(a, -2, axis)
        return (far + 8 * (np.roll(a, -1, axis) - np.roll(a, 1, axis))) / (12 * h)

    def change(_: float, flat: np.ndarray) -> np.ndarray:
        w = flat.reshape(fine, fine)
        psi = np.fft.ifft2(np.fft.fft2(w) / square).real
        u, v = slope(psi, 1), -slope(psi, 0)
        lap = np.fft.ifft2(-square * np.fft.fft2(w)).real
        return (-u * slope(w, 0) - v * slope(w, 1) + viscosity * lap - 4 * np.cos(4 * y)).ravel()

    start = smooth(fine)[0, 0].numpy()
    end = solve_ivp(change, (0, time), start.ravel(), rtol=1e-7, atol=1e-8).y[:, -1].reshape(fine, fine)
    found = F(w0)[0, 0].numpy()
    assert np.abs(found - end[::4, ::4]).max() < 3e-3 * np.abs(end).max()


def test_forcing_alone_makes_the_flow_of_kolmogorov() -> None:
    y = grid(16)[1]
    F = NavierStokesVorticity((1, 16, 16), viscosity=0.1, every=2, dtype=torch.float64)
    grown = -4 / (0.1 * 16) * (1 - math.exp(-0.1 * 16)) * torch.cos(4 * y)
    torch.testing.assert_close(
        F(torch.zeros(1, 1, 16, 16).double())[0, 0], grown[::2, ::2], rtol=1e-6, atol=1e-7
    )


def test_error_falls_with_the_fourth_power_of_the_time_step() -> None:
    w = 2 * smooth(16)

    def end(speed: float) -> torch.Tensor:
        return NavierStokesVorticity(
            (1, 16, 16), time=0.5, largest_speed=speed, every=1, forcing=0.0, dtype=torch.float64
        )(w)

    exact = end(140.0)
    ratio = float((end(17.5) - exact).norm() / (end(35.0) - exact).norm())
    assert 11 < ratio < 21


def test_without_viscosity_and_forcing_energy_and_enstrophy_are_kept() -> None:
    w = smooth(32)
    F = NavierStokesVorticity(
        (1, 32, 32), viscosity=1e-12, forcing=0.0, time=0.5, every=1, dtype=torch.float64
    )
    later = F(w)
    assert float(later.square().sum() / w.square().sum()) == pytest.approx(1, abs=1e-5)
    energy = [sum(part.square().sum() for part in F.flow.velocity(one[:, 0])) for one in (w, later)]
    assert float(energy[1] / energy[0]) == pytest.approx(1, abs=1e-5)


def test_mean_and_strength_of_the_candidate() -> None:
    x = smooth(8).float()
    once = NavierStokesVorticity((1, 8, 8), strength=2.0, time=0.1)
    twice = NavierStokesVorticity((1, 8, 8), time=0.1)
    torch.testing.assert_close(once(x + 5), twice(2 * x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 8, 6), (1, 9, 9), (1, 2, 2)])
def test_what_is_no_periodic_square_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="squares"):
        NavierStokesVorticity(shape)
