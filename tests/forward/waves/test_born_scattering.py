import numpy as np
import pytest
import torch
from scipy.special import h1vp, hankel1, jv, jvp

from sciadv.errors import InputError
from sciadv.forward import BornScattering


def disc(n: int, radius: float, *, oversample: int = 8) -> np.ndarray:
    """Share of each pixel of an image of width 1 inside a centred disc."""
    fine = (np.arange(n * oversample) + 0.5) / (n * oversample) - 0.5
    inside = np.hypot(fine[:, None], fine[None]) < radius
    return inside.reshape(n, oversample, n, oversample).mean((1, 3))


def test_it_is_the_direct_sum_over_pixels() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((1, 5, 6))
    A = BornScattering(
        (1, 5, 6),
        width=0.6,
        wavelength=0.25,
        radius=0.8,
        transmitter_angles=[10.0, 100.0],
        receiver_angles=[0.0, 90.0, -30.0],
        dtype=torch.float64,
    )
    k = 2 * np.pi / 0.25
    expected = np.zeros((2, 3), dtype=complex)
    for i, sender in enumerate(np.deg2rad([10, 100])):
        for j, receiver in enumerate(np.deg2rad([0, 90, -30])):
            for row in range(5):
                for column in range(6):
                    place = np.array([(column - 2.5) * 0.1, (2 - row) * 0.1])
                    to = np.linalg.norm(0.8 * np.array([np.cos(receiver), np.sin(receiver)]) - place)
                    by = np.linalg.norm(0.8 * np.array([np.cos(sender), np.sin(sender)]) - place)
                    green = (0.25j) ** 2 * hankel1(0, k * to) * hankel1(0, k * by)
                    expected[i, j] += k**2 * 0.01 * x[0, row, column] * green
    np.testing.assert_allclose(A(torch.from_numpy(x)[None])[0], expected, rtol=1e-10)


def test_disc_scatters_as_the_integral_of_bessel_functions_says() -> None:
    """By Graf's addition theorem and Lommel's integral of J_n(k r)^2 r."""
    n, a, k, radius = 160, 0.3, 2 * np.pi / 0.4, 1.2
    angles = np.array([0.0, 40.0, 180.0])
    A = BornScattering(
        (1, n, n), width=1.0, wavelength=0.4, radius=radius, transmitter_angles=[0.0],
        receiver_angles=angles, dtype=torch.float64,
    )  # fmt: skip
    order = np.arange(-30, 31)
    lommel = a**2 / 2 * (jv(order, k * a) ** 2 - jv(order - 1, k * a) * jv(order + 1, k * a))
    waves = hankel1(order, k * radius) ** 2 * lommel * np.exp(1j * order * np.deg2rad(angles)[:, None])
    expected = k**2 * (0.25j) ** 2 * 2 * np.pi * waves.sum(1)
    found = A(torch.from_numpy(disc(n, a))[None, None])[0, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3 * np.abs(expected).max())


def test_weak_disc_scatters_nearly_as_the_exact_series_of_a_cylinder() -> None:
    n, a, k, radius, contrast = 160, 0.3, 2 * np.pi / 0.4, 1.2, 1e-3
    A = BornScattering(
        (1, n, n), width=1.0, wavelength=0.4, radius=radius, transmitter_angles=[0.0],
        n_receivers=8, dtype=torch.float64,
    )  # fmt: skip
    order = np.arange(-30, 31)
    inside = k * np.sqrt(1 + contrast)
    # the field and its normal derivative are continuous at the surface
    above = inside * jvp(order, inside * a) * jv(order, k * a) - k * jv(order, inside * a) * jvp(order, k * a)
    below = k * jv(order, inside * a) * h1vp(order, k * a) - inside * jvp(order, inside * a) * hankel1(
        order, k * a
    )
    angles = 2 * np.pi * np.arange(8) / 8
    terms = above / below * hankel1(order, k * radius) ** 2 * np.exp(1j * order * angles[:, None])
    expected = 0.25j * terms.sum(1)
    found = A(contrast * torch.from_numpy(disc(n, a))[None, None])[0, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01 * np.abs(expected).max())


def test_sender_and_receiver_can_change_places() -> None:
    x = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    y = BornScattering((1, 6, 6), n_transmitters=5, n_receivers=5)(x)
    torch.testing.assert_close(y, y.transpose(1, 2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius": 0.1}, "inside of the circle"),
        ({"in_shape": (2, 4, 4)}, "one channel"),
        ({"receiver_angles": [0.0, float("nan")]}, "finite"),
    ],
)
def test_unusable_experiment_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BornScattering(**({"in_shape": (1, 4, 4)} | settings))
