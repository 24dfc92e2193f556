import warnings

import pytest
import torch

from sciadv.errors import InputError
from sciadv.forward import CoilSensitivities, GriddedFourier, NonuniformFourier, birdcage_sensitivities
from sciadv.forward.imaging import gridded
from sciadv.testing import check_forward


@pytest.fixture
def library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports
        pytest.importorskip("torchkbnufft")


def spokes(n_spokes: int, n_samples: int) -> torch.Tensor:
    """Radial lines through the centre of k-space ``(samples, 2)``."""
    angle = torch.pi * torch.arange(n_spokes) / n_spokes
    radius = torch.linspace(-0.5, 0.5, n_samples)
    return torch.stack([torch.outer(angle.sin(), radius), torch.outer(angle.cos(), radius)], -1).flatten(0, 1)


@pytest.mark.usefixtures("library")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("is_normalised", [True, False])
def test_it_is_nearly_the_exact_sum(is_normalised: bool) -> None:  # noqa: FBT001
    x = torch.rand(2, 1, 17, 20, generator=torch.Generator().manual_seed(0))
    settings = {"is_normalised": is_normalised}
    fast, exact = (
        kind((1, 17, 20), spokes(9, 31), **settings) for kind in (GriddedFourier, NonuniformFourier)
    )
    assert float((fast(x) - exact(x)).norm() / exact(x).norm()) < 1e-3
    volume = torch.rand(1, 1, 8, 9, 10, generator=torch.Generator().manual_seed(1))
    places = torch.rand(40, 3, generator=torch.Generator().manual_seed(2)) - 0.5
    fast, exact = (kind((1, 8, 9, 10), places, **settings) for kind in (GriddedFourier, NonuniformFourier))
    assert float((fast(volume) - exact(volume)).norm() / exact(volume).norm()) < 2e-3


@pytest.mark.usefixtures("library")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_it_keeps_every_promise(dtype: torch.dtype) -> None:
    check_forward(GriddedFourier((2, 8, 9), spokes(3, 9), dtype=dtype))


@pytest.mark.usefixtures("library")
@pytest.mark.filterwarnings("ignore")
def test_several_coils_are_sampled_along_spokes() -> None:
    coils = CoilSensitivities((1, 12, 12), birdcage_sensitivities((12, 12), 3))
    sampling = GriddedFourier((3, 12, 12), spokes(5, 12), dtype=torch.complex64)
    check_forward(sampling @ coils)


def test_that_it_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gridded, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"sciadv\[mri\]"):
        GriddedFourier((1, 8, 8), spokes(3, 9))
