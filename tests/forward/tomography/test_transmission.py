import math

import pytest
import torch

from sciadv import Poisson
from sciadv.errors import InputError
from sciadv.forward import FaciesSlowness, MaskedFourier, ParallelBeam, Transmission


def test_counts_fall_exponentially_with_the_path() -> None:
    A = ParallelBeam((1, 5, 5), [0.0], n_detectors=5, pixel_size=0.2)
    y = Transmission(A, incident=1000.0)(torch.full((1, 1, 5, 5), 3.0))
    torch.testing.assert_close(y, torch.full((1, 1, 1, 5), 1000 * math.exp(-3.0)))


def test_attenuation_is_found_from_few_photons() -> None:
    """Fisher's scoring for one number, whose error Fisher's information gives."""
    A = ParallelBeam((1, 9, 9), n_angles=6, pixel_size=0.1)
    F = Transmission(A, incident=200.0)
    ones = torch.ones(8, 1, 9, 9)
    y = Poisson().sample(F(1.5 * ones), generator=torch.Generator().manual_seed(0))
    found = torch.ones(8, 1, 1, 1)
    for _ in range(10):
        x = found * ones
        moved = F.jvp(x, ones)
        slope = (Poisson().gradient(F(x), y) * moved).flatten(1).sum(1)
        information = (Poisson().curvature(F(x), y) * moved.square()).flatten(1).sum(1)
        found = found - (slope / information).reshape(-1, 1, 1, 1)
    length = A(torch.ones(1, 1, 9, 9))
    deviation = float((200 * torch.exp(-1.5 * length) * length.square()).sum()) ** -0.5
    errors = (found - 1.5).flatten() / deviation
    assert float(errors.abs().max()) < 3.5
    assert 0.4 < float(errors.square().mean().sqrt()) < 1.8


def test_what_gives_no_line_integrals_is_refused() -> None:
    with pytest.raises(InputError, match="real"):
        Transmission(MaskedFourier((1, 4, 4), torch.ones(4) > 0))
    with pytest.raises(InputError, match="linear"):
        Transmission(FaciesSlowness((1, 4, 4)))
