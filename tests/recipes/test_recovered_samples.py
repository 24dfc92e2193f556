"""What a card says of the recovery of a prior's own samples."""

from __future__ import annotations

from sciadv.recipes.images.recovered_samples import recovery_sentence
from sciadv.testing.solver_suite import linear_problem


def test_a_linear_generator_finds_its_own_samples_again() -> None:
    words = recovery_sentence(linear_problem().prior, n_samples=4)
    assert "recovers 4 of 4 of the generator's own samples to the noise level" in words
    assert words.startswith("from ")
