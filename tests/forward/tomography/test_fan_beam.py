import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from sciadv.errors import InputError
from sciadv.forward import FanBeam, ParallelBeam


def smooth(n: int = 24) -> torch.Tensor:
    row, column = torch.meshgrid(*[torch.linspace(-1, 1, n, dtype=torch.float64)] * 2, indexing="ij")
    return torch.exp(-8 * ((row - 0.2).square() + 2 * (column + 0.1).square()))[None, None]


def test_rays_through_a_disc_are_as_long_as_its_chords() -> None:
    n, pixel, radius, source, detector = 64, 0.1, 2.0, 10.0, 6.0
    fine = (np.arange(n * 8) + 0.5) / 8 - n / 2
    inside = np.hypot(fine[:, None] + 3, fine[None] - 5) * pixel < radius  # centre: 5 pixels right, 3 up
    x = torch.from_numpy(inside.reshape(n, 8, n, 8).mean((1, 3)))[None, None]
    A = FanBeam(
        (1, n, n), [0.0, 25.0, 100.0, 330.0], 41, source_distance=source, detector_distance=detector,
        detector_pixel=0.25, pixel_size=pixel, dtype=torch.float64,
    )  # fmt: skip
    for view, angle in enumerate(np.deg2rad([0.0, 25.0, 100.0, 330.0])):
        e, d = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        start = -source * d
        ends = detector * d + (np.arange(41) - 20)[:, None] * 0.25 * e
        way = (ends - start) / np.linalg.norm(ends - start, axis=1)[:, None]
        centre = np.array([0.5, 0.3]) - start
        away = centre[0] * way[:, 1] - centre[1] * way[:, 0]
        chord = 2 * np.sqrt(np.clip(radius**2 - away**2, 0, None))
        off = np.abs(A(x)[0, 0, view].numpy() - chord)
        assert off[np.abs(np.abs(away) - radius) > 0.3].max() < 0.06  # far from the edge
        assert off.mean() < 0.02


def test_smooth_image_is_integrated_as_by_dense_samples_along_the_rays() -> None:
    x = smooth()
    A = FanBeam((1, 24, 24), [0.0, 40.0, 75.0, 190.0], 15, source_distance=30.0, dtype=torch.float64)
    found = A(x)[0, 0].numpy()
    t = np.linspace(0, 1, 20001)
    for view, angle in enumerate(np.deg2rad([0.0, 40.0, 75.0, 190.0])):
        e, d = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        for pixel in range(15):
            start, end = -30 * d, 30 * d + (pixel - 7) * 2 * e  # twice as wide as at the centre
            place = start + t[:, None] * (end - start)
            values = map_coordinates(x[0, 0].numpy(), [11.5 - place[:, 1], 11.5 + place[:, 0]], order=1)
            expected = values.mean() * np.linalg.norm(end - start)
            assert found[view, pixel] == pytest.approx(expected, abs=0.02 * found.max())


def test_a_far_source_makes_parallel_beams() -> None:
    angles = [0.0, 33.0, 120.0]
    far = FanBeam((1, 24, 24), angles, 35, source_distance=1e6, detector_pixel=2.0, dtype=torch.float64)
    near = ParallelBeam((1, 24, 24), angles, 35, dtype=torch.float64)
    torch.testing.assert_close(far(smooth()), near(smooth()), atol=1e-4, rtol=1e-4)


def test_every_corner_is_seen_from_everywhere() -> None:
    x = torch.zeros(4, 1, 8, 8)
    for image, (row, column) in enumerate([(0, 0), (0, 7), (7, 0), (7, 7)]):
        x[image, 0, row, column] = 1
    assert bool((FanBeam((1, 8, 8), n_angles=36)(x).sum(3) > 0.3).all())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_angles": 4, "source_distance": 3.0}, "outside of the image"),
        ({}, "either angles"),
        ({"angles": [float("nan")]}, "finite"),
    ],
)
def test_unusable_scanner_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FanBeam((1, 8, 8), **settings)
