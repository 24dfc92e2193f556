"""Measures of two-phase media against closed forms and a count by hand."""

from __future__ import annotations

from itertools import groupby
from math import acos, exp, isnan, pi, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.data.media import overlapping_discs
from sciadv.errors import InputError
from sciadv.metrics.media.two_phase import (
    chord_lengths,
    compare_two_phase,
    connectedness,
    mean_chord,
    porosity,
    two_point_probability,
)


def outside_discs(n: int, side: int, radius: float, density: float, *, seed: int) -> torch.Tensor:
    """Return where no disc of a Boolean model covers the plane, ``(n, side, side)``."""
    drawn = [overlapping_discs(seed=seed + i, side=side, radius=radius, density=density) for i in range(n)]
    return torch.from_numpy(np.stack(drawn)) == 0


def test_two_point_probability_of_discs_is_the_closed_form() -> None:
    radius, density = 6.0, 0.004
    found = two_point_probability(outside_discs(60, 96, radius, density, seed=0), 15)
    for r in range(16):
        overlap = 2 * radius**2 * acos(min(1, r / (2 * radius))) - r / 2 * sqrt(max(0, 4 * radius**2 - r**2))
        union = 2 * pi * radius**2 - overlap
        assert float(found[r]) == pytest.approx(exp(-density * union), abs=0.02)


def test_chords_of_independent_pixels_are_geometric() -> None:
    phase = torch.rand(4, 200, 200, generator=torch.Generator().manual_seed(0)) < 0.3
    assert mean_chord(phase) == pytest.approx(1 / 0.7, rel=0.02)
    assert porosity(phase) == pytest.approx(0.3, abs=0.01)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=5, max_size=5))
def test_chord_lengths_are_those_counted_by_hand(rows: list[list[bool]]) -> None:
    phase = torch.tensor(rows)[None]
    expected = torch.zeros(7, dtype=torch.long)
    for line in [*rows, *map(list, zip(*rows, strict=True))]:
        runs = [(is_in, len(list(run))) for is_in, run in groupby(line)]
        for is_in, length in runs[1:-1]:
            expected[length] += is_in
    assert chord_lengths(phase).equal(expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=5, max_size=5))
def test_connectedness_is_that_of_pixels_reached_step_by_step(rows: list[list[bool]]) -> None:
    inside = {(i, j) for i, row in enumerate(rows) for j, value in enumerate(row) if value}
    n_pairs = 0
    for start in inside:
        reached, edge = {start}, [start]
        while edge:
            i, j = edge.pop()
            near = {(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)} & inside - reached
            reached |= near
            edge += near
        n_pairs += len(reached)
    found = float(connectedness(torch.tensor(rows)[None]))
    assert isnan(found) if not inside else found == pytest.approx(n_pairs / len(inside) ** 2)


def test_a_report_says_how_much_is_between_the_phases_and_how_pieces_scatter() -> None:
    half = torch.zeros(2, 8, 8)
    half[0, :, :4] = 1
    half[1, :, :2] = 1
    grey = torch.full((2, 8, 8), 0.4)
    report = compare_two_phase(grey, half, longest=2)
    assert report.between == 1
    assert report.porosity_spread_real == pytest.approx(0.125)
    assert report.connected_real == 1
    assert report.connected_spread_real == 0
    assert isnan(report.connected_samples)


def test_a_medium_compared_with_itself_has_no_gap_and_with_noise_a_large_one() -> None:
    phase = outside_discs(10, 64, 5.0, 0.004, seed=1).float()
    same = compare_two_phase(phase, phase, longest=10)
    assert same.two_point_gap == 0
    assert same.porosity_real == same.porosity_samples
    noise = (torch.rand(phase.shape, generator=torch.Generator().manual_seed(2)) < same.porosity_real).float()
    assert compare_two_phase(noise, phase, longest=10).two_point_gap > 0.5


def test_a_distance_longer_than_the_image_is_refused() -> None:
    with pytest.raises(InputError, match="below 4"):
        two_point_probability(torch.ones(1, 4, 9).bool(), 4)
