import numpy as np
import pytest
import torch

from sciadv.errors import InputError
from sciadv.forward import (
    MaskedFourier,
    MultiCoilFourier,
    birdcage_sensitivities,
    cartesian_mask,
    low_resolution_sensitivities,
)
from sciadv.solvers.linear.conjugate_gradients import conjugate_gradients


def disc(n: int = 48) -> torch.Tensor:
    """A smooth disc with a hole: an object that does not fill the image."""
    row, column = torch.meshgrid(*[torch.linspace(-1, 1, n)] * 2, indexing="ij")
    radius = (row.square() + column.square()).sqrt()
    body = torch.sigmoid((0.8 - radius) * 30)
    hole = torch.sigmoid((0.2 - ((row - 0.2).square() + column.square()).sqrt()) * 30)
    threads = torch.cos(n * 1.3 * row) * torch.cos(n * 1.3 * column)
    return (body * (1 + 0.3 * threads) - 0.6 * hole)[None, None]


@pytest.mark.parametrize("sizes", [(6, 7), (4, 3, 5)])
def test_each_coil_is_numpys_transform_of_what_it_sees(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    mask = rng.random(sizes) > 0.4
    maps = rng.standard_normal((3, *sizes)) + 1j * rng.standard_normal((3, *sizes))
    x = rng.standard_normal((2, 1, *sizes)) + 1j * rng.standard_normal((2, 1, *sizes))
    A = MultiCoilFourier((1, *sizes), mask, maps, dtype=torch.complex128)
    axes = tuple(range(-len(sizes), 0))
    seen = np.fft.ifftshift(x * maps, axes=axes)
    k_space = np.fft.fftshift(np.fft.fftn(seen, axes=axes, norm="ortho"), axes=axes)
    np.testing.assert_allclose(A(torch.from_numpy(x)), k_space[..., mask], atol=1e-12)


def test_two_real_channels_are_the_parts_of_a_complex_image() -> None:
    maps, mask = birdcage_sensitivities((6, 5), 3), cartesian_mask(5, 2, seed=0)
    x = torch.randn(2, 2, 6, 5, generator=torch.Generator().manual_seed(0))
    parts = MultiCoilFourier((2, 6, 5), mask, maps)
    whole = MultiCoilFourier((1, 6, 5), mask, maps, dtype=torch.complex64)
    torch.testing.assert_close(parts(x), whole(torch.complex(x[:, :1], x[:, 1:])))


def test_one_coil_of_sensitivity_1_is_single_coil_imaging() -> None:
    mask = cartesian_mask(8, 2, seed=0)
    x = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    A = MultiCoilFourier((1, 6, 8), mask, torch.ones(1, 6, 8))
    torch.testing.assert_close(A(x), MaskedFourier((1, 6, 8), mask)(x))


def test_fully_sampled_adjoint_is_the_inverse_of_normalised_maps() -> None:
    maps = birdcage_sensitivities((6, 7), 4)
    A = MultiCoilFourier((1, 6, 7), torch.ones(6, 7) > 0, maps)
    x = torch.rand(2, 1, 6, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(A.adjoint(A(x)), x)


@pytest.mark.parametrize("is_centred", [True, False])
def test_estimated_maps_are_the_true_ones_where_there_is_signal(is_centred: bool) -> None:  # noqa: FBT001
    x, n = disc(), 48
    maps = birdcage_sensitivities((n, n), 8)
    mask = torch.zeros(n, n, dtype=torch.bool)
    mask[:, ::4] = True
    mask[n // 2 - 10 : n // 2 + 10, n // 2 - 10 : n // 2 + 10] = True
    mask = mask if is_centred else torch.fft.ifftshift(mask)
    y = MultiCoilFourier((1, n, n), mask, maps, is_centred=is_centred)(x)[0]
    found = low_resolution_sensitivities(y, mask, (n, n), is_centred=is_centred)
    inside = x[0, 0] > 0.2
    error = (found - maps).abs()[:, inside].square().sum(0).sqrt()
    assert float(error.mean()) < 0.03


def test_images_from_estimated_maps_are_near_those_from_true_ones() -> None:
    x, n = disc(), 48
    maps = birdcage_sensitivities((n, n), 8)
    mask = torch.zeros(n, dtype=torch.bool)
    mask[::4] = True
    mask[n // 2 - 8 : n // 2 + 8] = True
    y = MultiCoilFourier((1, n, n), mask, maps)(x)
    A = MultiCoilFourier((1, n, n), mask, calibration=y[0])
    found = conjugate_gradients(lambda v: A.adjoint(A(v)) + 1e-4 * v, A.adjoint(y), n_steps=40)
    zero_filled = MaskedFourier((1, n, n), mask)
    aliased = zero_filled.adjoint(zero_filled(x))
    error = (found - x).norm() / x.norm()
    assert float(error) < 0.05
    assert float(error) < 0.3 * float((aliased - x).norm() / x.norm())


def test_maps_of_a_volume_lie_in_rings() -> None:
    maps = birdcage_sensitivities((6, 5, 5), 16)
    assert maps.shape == (16, 6, 5, 5)
    torch.testing.assert_close(maps.abs().square().sum(0), torch.ones(6, 5, 5))
    nearest = maps[:, :, 2, 4].abs().square()  # the coils at angle 0 are those of either half
    assert float(nearest[0, 0]) > float(nearest[1, 0])
    assert float(nearest[0, -1]) < float(nearest[1, -1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "either sensitivities"),
        ({"sensitivities": torch.ones(2, 4, 4), "calibration": torch.ones(2, 8) + 0j}, "either"),
        ({"sensitivities": torch.ones(2, 5, 4)}, "maps"),
        ({"sensitivities": torch.full((2, 4, 4), torch.nan)}, "finite"),
        ({"calibration": torch.ones(2, 5) + 0j}, "calibration data"),
        ({"calibration": torch.ones(2, 8) + 0j}, "not fully sampled"),
    ],
)
def test_unusable_maps_are_refused(settings: dict[str, torch.Tensor], message: str) -> None:
    mask = torch.tensor([True, False, True, False])
    with pytest.raises(InputError, match=message):
        MultiCoilFourier((1, 4, 4), mask, **settings)


def test_three_channels_are_refused() -> None:
    with pytest.raises(InputError, match="one channel"):
        MultiCoilFourier((3, 4, 4), torch.ones(4) > 0, torch.ones(2, 4, 4))
