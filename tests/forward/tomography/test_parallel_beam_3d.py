import numpy as np
import pytest
import torch

from sciadv.errors import InputError
from sciadv.forward import ParallelBeam, ParallelBeam3D


def test_without_tilt_each_plane_is_projected_alone() -> None:
    x = torch.rand(2, 1, 3, 7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    angles = [0.0, 20.0, 45.0, 90.0, 135.0, 200.0]
    volume = ParallelBeam3D((1, 3, 7, 6), angles, pixel_size=0.5, dtype=torch.float64)
    plane = ParallelBeam((1, 7, 6), angles, pixel_size=0.5, dtype=torch.float64)
    assert volume.out_shape == (1, 6, 3, plane.out_shape[2])
    for depth in range(3):
        torch.testing.assert_close(volume(x)[:, :, :, depth], plane(x[:, :, depth]), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("tilt", [-30.0, 20.0, 60.0])
def test_rays_through_a_ball_are_as_long_as_its_chords(tilt: float) -> None:
    n, radius = 40, 11.0
    fine = (np.arange(n * 3) + 0.5) / 3 - n / 2
    centre = np.array([3.0, -2.0, 4.0])  # right, up, depth
    square = (
        (fine[None, None] - centre[0]) ** 2
        + (-fine[None, :, None] - centre[1]) ** 2
        + (fine[:, None, None] - centre[2]) ** 2
    )
    x = (square < radius**2).reshape(n, 3, n, 3, n, 3).mean((1, 3, 5))
    angles = [0.0, 70.0, 250.0]
    A = ParallelBeam3D((1, n, n, n), angles, tilt=tilt, n_rows=33, n_columns=31, dtype=torch.float64)
    found = A(torch.from_numpy(x)[None, None])[0, 0].numpy()
    up = np.deg2rad(tilt)
    for view, angle in enumerate(np.deg2rad(angles)):
        columns = np.array([np.cos(angle), np.sin(angle), 0])
        level = np.array([-np.sin(angle), np.cos(angle), 0])
        rows = np.array([0, 0, np.cos(up)]) - np.sin(up) * level
        s, t = np.meshgrid(np.arange(31) - 15.0, np.arange(33) - 16.0)
        away = np.hypot(s - columns @ centre, t - rows @ centre)
        chord = 2 * np.sqrt(np.clip(radius**2 - away**2, 0, None))
        off = np.abs(found[view] - chord)
        assert off[np.abs(away - radius) > 3].max() < 0.8
        assert off.mean() < 0.25


def test_default_detector_sees_everything_from_everywhere() -> None:
    x = torch.rand(1, 1, 4, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    A = ParallelBeam3D((1, 4, 6, 5), n_angles=7, tilt=35.0, dtype=torch.float64)
    wide = ParallelBeam3D((1, 4, 6, 5), n_angles=7, tilt=35.0, n_rows=40, n_columns=41, dtype=torch.float64)
    torch.testing.assert_close(A(x).sum((3, 4)), wide(x).sum((3, 4)), rtol=0.02, atol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"in_shape": (1, 8, 8), "n_angles": 2}, "volumes"),
        ({"n_angles": 2, "tilt": 90.0}, "tilt"),
        ({}, "either angles"),
    ],
)
def test_unusable_scanner_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ParallelBeam3D(**({"in_shape": (1, 3, 4, 4)} | settings))
