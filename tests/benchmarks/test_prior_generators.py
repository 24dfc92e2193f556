"""The bench of generators: its rows, paired differences, and the rotation of a real prior's game."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.contract import Settings
from benchmarks.priors import generators
from benchmarks.priors.generators import BASE, GAME, QUICK, UPDATES, objectives, paired_errors, table


def test_objectives_differ_in_what_their_names_say() -> None:
    rows = objectives((1, 28, 28))
    game = rows[GAME]
    assert [rows[f"{GAME}, {update}"] for update in UPDATES] == [replace(game, update=u) for u in UPDATES]
    features = rows[f"{GAME}, critic's features"]
    assert replace(features, schedule=game.schedule) == game
    assert features.schedule == replace(game.schedule, critic_features=True)
    alone = rows["learnt inversion alone"].schedule
    assert (alone.elbo_steps, alone.elbo_weight) == (0, 0.0)


def test_a_difference_is_counted_in_the_larger_of_two_errors() -> None:
    assert paired_errors([[1.0, 2.0, 3.0]]) == pytest.approx(2 * 3**0.5)
    assert paired_errors([[1.0, 1.0], [3.0, 3.0]]) == pytest.approx(2.0)  # trainings scatter more
    assert paired_errors([[0.0, 0.0]]) == 0.0


def test_a_row_has_samples_errors_and_the_rotation_of_its_game(tmp_path, monkeypatch) -> None:
    plan = replace(QUICK, sets=(), objectives_on="mnist", n_known=60)
    recipes = {key: one for key, one in objectives((1, 28, 28)).items() if "learnt inversion alone" in key}
    monkeypatch.setattr(generators, "QUICK", plan)
    monkeypatch.setattr(generators, "objectives", lambda shape: recipes)
    rows = generators.run(Settings(quick=True, cache=tmp_path))
    assert [row["generator"] for row in rows] == [BASE, "learnt inversion alone"]
    assert rows[0]["rotation"] is None
    assert 0 < rows[1]["rotation"] < 1
    assert "| learnt inversion alone | 1 |" in table(rows)
    assert generators.run(Settings(quick=True, cache=tmp_path)) == rows
