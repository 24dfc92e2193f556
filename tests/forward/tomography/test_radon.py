import numpy as np
import pytest
import torch
from skimage.transform import iradon, radon

from sciadv.errors import InputError
from sciadv.forward import ParallelBeam, filtered_back_projection, to_dense


def ellipse(n: int, *, size: float = 1.0, subpixels: int = 5) -> np.ndarray:
    """Half axes 0.5 and 0.35, at (0.1, -0.05), in units of half the image; edge pixels by their area."""
    at = (np.arange(n * subpixels) + 0.5) / (n * subpixels) * 2 - 1
    u, v = np.meshgrid(at, -at)
    inside = ((u - 0.1) / 0.5) ** 2 + ((v + 0.05) / 0.35) ** 2 < size**2
    return inside.reshape(n, subpixels, n, subpixels).mean((1, 3))


def ellipse_sinogram(n: int, angles: np.ndarray, n_detectors: int, pixel_size: float) -> np.ndarray:
    """Closed form (Kak and Slaney 1988, section 3.1)."""
    theta = np.deg2rad(angles)[:, None]
    s = (np.arange(n_detectors) - (n_detectors - 1) / 2)[None] * pixel_size
    unit = n / 2 * pixel_size
    a, b, x, y = 0.5 * unit, 0.35 * unit, 0.1 * unit, -0.05 * unit
    width = (a * np.cos(theta)) ** 2 + (b * np.sin(theta)) ** 2
    t = s - x * np.cos(theta) - y * np.sin(theta)
    return 2 * a * b / width * np.sqrt(np.clip(width - t**2, 0, None))


@pytest.mark.parametrize(("n", "pixel_size"), [(64, 1.0), (65, 0.02)])
def test_projection_of_an_ellipse_is_the_closed_form(n: int, pixel_size: float):
    angles = np.linspace(0, 180, 45, endpoint=False)
    A = ParallelBeam((1, n, n), angles, pixel_size=pixel_size, dtype=torch.float64)
    y = A(torch.from_numpy(ellipse(n))[None, None])[0, 0].numpy()
    expected = ellipse_sinogram(n, angles, A.out_shape[2], pixel_size)
    assert np.linalg.norm(y - expected) < 0.025 * np.linalg.norm(expected)  # the pixels' edges


@pytest.mark.parametrize("n", [64, 65])
@pytest.mark.parametrize("pixel_size", [1.0, 0.02])
def test_projection_of_a_smooth_spot_is_the_closed_form(n: int, pixel_size: float):
    """That of exp(-(x/a)^2 - (y/b)^2) is sqrt(pi) a b / w exp(-(s/w)^2), w^2 = (a cos)^2 + (b sin)^2."""
    a, b, x0, y0 = (length * pixel_size for length in (6.0, 9.0, 4.0, -7.0))
    at = (np.arange(n) - (n - 1) / 2) * pixel_size
    u, v = np.meshgrid(at, -at)
    spot = np.exp(-(((u - x0) / a) ** 2) - ((v - y0) / b) ** 2)
    angles = np.array([0.0, 13.0, 45.0, 60.0, 90.0, 135.0, 260.0])
    A = ParallelBeam((1, n, n), angles, pixel_size=pixel_size, dtype=torch.float64)
    theta = np.deg2rad(angles)[:, None]
    s = (np.arange(A.out_shape[2]) - (A.out_shape[2] - 1) / 2) * pixel_size
    t, width = s - x0 * np.cos(theta) - y0 * np.sin(theta), np.hypot(a * np.cos(theta), b * np.sin(theta))
    expected = np.sqrt(np.pi) * a * b / width * np.exp(-((t / width) ** 2))
    y = A(torch.from_numpy(spot)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(y, expected, atol=0.005 * expected.max())


def test_projection_agrees_with_skimage():
    rows, columns = np.mgrid[:65, :65] - 32
    x = np.exp(-(((columns - 5) / 9) ** 2) - ((rows + 8) / 6) ** 2) * (rows**2 + columns**2 < 31**2)
    angles = np.array([0.0, 20.0, 45.0, 77.0, 90.0, 130.0])
    y = ParallelBeam((1, 65, 65), angles, 65, dtype=torch.float64)(torch.from_numpy(x)[None, None])[0, 0]
    expected = radon(x, angles, circle=True).T
    assert np.abs(y.numpy() - expected).max() < 0.01 * expected.max()


def test_rays_along_the_axes_are_sums():
    x = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    y = ParallelBeam((1, 5, 5), [0.0, 90.0, 180.0], 5)(x)[0, 0]
    torch.testing.assert_close(y[0], x[0, 0].sum(0))
    torch.testing.assert_close(y[1], x[0, 0].sum(1).flip(0))  # up is positive
    torch.testing.assert_close(y[2], x[0, 0].sum(0).flip(0))


@pytest.mark.parametrize("shape", [(1, 5, 9), (1, 8, 5)])
def test_every_projection_keeps_the_mass(shape: tuple):
    x = torch.zeros(1, *shape, dtype=torch.float64)
    x[..., 2:-2, 2:-2] = torch.rand(x[..., 2:-2, 2:-2].shape, generator=torch.Generator().manual_seed(0))
    y = ParallelBeam(shape, [0.0, 30.0, 45.0, 60.0, 90.0, 250.0], pixel_size=0.5, dtype=torch.float64)(x)
    mass = (y.sum(-1) * 0.5)[0, 0]
    np.testing.assert_allclose(mass, x.sum().item() * 0.25, rtol=0.25)  # a few pixels: interpolation
    np.testing.assert_allclose(
        mass[[0, 4]], x.sum().item() * 0.25, rtol=1e-12 if shape[1] % 2 == shape[2] % 2 else 1e-9
    )


def test_length_scales_with_the_pixel():
    a, b = (to_dense(ParallelBeam((1, 4, 4), [10.0], pixel_size=size)) for size in (1.0, 0.1))
    torch.testing.assert_close(b, 0.1 * a)


def test_default_detector_sees_the_whole_image():
    A = ParallelBeam((1, 6, 9), np.arange(0, 180, 5.0))
    assert (A.out_shape[2] - 9) % 2 == 0
    assert bool((A.adjoint(torch.ones(1, *A.out_shape)) > 0).all())


@pytest.mark.parametrize("n", [64, 65])
@pytest.mark.parametrize("pixel_size", [1.0, 0.05])
@pytest.mark.parametrize("window", ["ramp", "shepp-logan", "cosine", "hamming", "hann"])
def test_back_projection_recovers_an_ellipse(n: int, pixel_size: float, window: str):
    angles = np.linspace(0, 180, 90, endpoint=False)
    A = ParallelBeam((1, n, n), angles, pixel_size=pixel_size)
    y = torch.from_numpy(ellipse_sinogram(n, angles, A.out_shape[2], pixel_size)).float()[None, None]
    x, truth = filtered_back_projection(A, y, filter=window)[0, 0].numpy(), ellipse(n)
    core = ellipse(n, size=0.8) == 1
    assert abs(x[core].mean() - 1) < 0.015
    assert np.abs(x[ellipse(n, size=1.2) == 0].mean()) < 0.01
    assert np.sqrt(np.mean((x - truth) ** 2)) < 0.1


def test_back_projection_is_as_good_as_skimages():
    angles = np.linspace(0, 180, 90, endpoint=False)
    truth = ellipse(65)
    A = ParallelBeam((1, 65, 65), angles, 65)
    y = torch.from_numpy(ellipse_sinogram(65, angles, 65, 1.0)).float()[None, None]
    ours = filtered_back_projection(A, y)[0, 0].numpy()
    theirs = iradon(y[0, 0].numpy().T, angles, circle=True)
    seen = np.hypot(*(np.mgrid[:65, :65] - 32)) < 32
    assert np.std((ours - truth)[seen]) < 1.2 * np.std((theirs - truth)[seen])


def test_back_projection_of_a_full_turn_has_the_same_values():
    half, full = (ParallelBeam((1, 33, 33), np.arange(0, turn, 4.0)) for turn in (180, 360))
    x = torch.from_numpy(ellipse(33)).float()[None, None]
    torch.testing.assert_close(
        filtered_back_projection(full, full(x)), filtered_back_projection(half, half(x)), atol=1e-4, rtol=1e-4
    )


def test_sinogram_that_does_not_fit_is_refused():
    A = ParallelBeam((1, 8, 8), [0.0, 90.0])
    with pytest.raises(InputError, match="other angles or detectors"):
        filtered_back_projection(A, torch.zeros(1, 1, 3, A.out_shape[2]))


@pytest.mark.parametrize(
    ("angles", "settings", "message"),
    [
        ([], {}, "angles"),
        ([np.nan], {}, "angles"),
        ([[0.0, 1.0]], {}, "angles"),
        ([0.0], {"n_detectors": 0}, "n_detectors"),
        ([0.0], {"pixel_size": 0.0}, "pixel_size"),
    ],
)
def test_unusable_geometry_is_refused(angles: list, settings: dict, message: str):
    with pytest.raises(InputError, match=message):
        ParallelBeam((1, 8, 8), angles, **settings)
