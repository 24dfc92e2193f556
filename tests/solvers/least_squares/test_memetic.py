import pytest
import torch

from sciadv.errors import InputError
from sciadv.solvers.least_squares.between_bounds import minimise_in_box
from sciadv.solvers.least_squares.memetic import MemeticSearch

WELLS = 5
SMALL = MemeticSearch(
    n_minima=30, n_starts=60, n_first_steps=8, n_rounds=12, n_steps=6, move=0.14, apart=1e-3
)


def residuals(x):
    """One minimum of value 0 at 0.3 in every variable, and wells beside it in each."""
    off = x - 0.3
    angle = 2 * torch.pi * WELLS * off
    wave = torch.diag_embed(torch.pi * WELLS * (angle / 2).cos())
    return torch.cat([2 * off, (angle / 2).sin()], 1), torch.cat(
        [2 * torch.eye(12).to(x) + 0 * wave, wave], 2
    )


def test_recombination_finds_what_refined_random_starts_miss():
    found = SMALL(residuals, 12, seed=0)
    assert float(found.value[0]) < 1e-12
    torch.testing.assert_close(found.place[0], torch.full((12,), 0.3, dtype=torch.float64), atol=1e-5, rtol=0)
    start = torch.rand(400, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(minimise_in_box(residuals, start, n_steps=30).value.min()) > 1e-2


def test_minima_are_sorted_apart_and_reproducible():
    found = SMALL(residuals, 12, seed=3)
    assert bool((found.value.diff() >= 0).all())
    distance = torch.cdist(found.place, found.place) / 12**0.5
    assert float(distance[~torch.eye(len(distance), dtype=torch.bool)].min()) > 1e-3
    again = SMALL(residuals, 12, seed=3)
    assert torch.equal(found.place, again.place)


def test_watch_sees_every_round():
    seen = []
    SMALL(residuals, 12, watch=lambda done, found: seen.append((done, float(found.value[0]))))
    assert [done for done, _ in seen] == list(range(12))
    assert seen == sorted(seen, key=lambda pair: (pair[0], -pair[1]))


def test_fewer_starts_than_minima_are_refused():
    with pytest.raises(InputError, match="n_starts"):
        MemeticSearch(n_minima=10, n_starts=5)
