"""The games bench: its rows, its honesty about what does not cover, its cache."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.contract import Settings
from benchmarks.priors import games
from benchmarks.priors.games import (
    FULL,
    QUICK,
    Cell,
    Plan,
    draw,
    measure,
    plan_cells,
    summaries,
    table,
    verdict,
)
from benchmarks.priors.overhead import ByHand, measure_overhead, overhead_table
from sciadv.games.objectives import OBJECTIVES, NonSaturating
from sciadv.games.penalties import R1
from sciadv.games.updates import UPDATES
from sciadv.nets import build_seeded
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_source import Part

TINY = Plan(2, {section: {"ring": 2} for section in ("objective", "update", "penalty")})


def test_every_objective_update_and_penalty_is_planned_on_both_mixtures() -> None:
    cells = plan_cells(FULL)
    assert len({cell.row for cell in cells}) == len(cells)
    for data in ("ring", "grid"):
        named = {
            s: {c.name for c in cells if c.section == s and c.data == data} for s in ("objective", "update")
        }
        assert named["objective"] == set(OBJECTIVES)
        assert named["update"] == set(UPDATES) - {"one-pass"}
    assert FULL.n_runs == 10
    assert {cell.name for cell in plan_cells(QUICK)} <= {cell.name for cell in cells}


def test_a_measured_row_has_coverage_seconds_and_a_verdict() -> None:
    cell = Cell("penalty", "r1", "ring", NonSaturating(), (R1(),))
    row = measure(cell, Plan(1, {"penalty": {"ring": 150}}), 0)
    assert cell.row == "penalty: r1, ring"
    assert (row["n_full"], row["modes_mean"], row["verdict"]) == (1, 8.0, "covers")
    assert row["quality"] > 0.2
    assert 0.8 < row["spread"] < 1.1
    assert row["cpu_seconds"] > 0


class Breaks(NonSaturating):
    """NaN in the third discriminator turn."""

    turns = 0

    def discriminator_loss(self, real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
        type(self).turns += 1
        loss = super().discriminator_loss(real_logits, fake_logits)
        return loss * float("nan") if type(self).turns > 2 else loss


def test_a_combination_that_diverges_says_at_which_step() -> None:
    row = measure(Cell("objective", "breaks", "ring", Breaks()), Plan(1, {"objective": {"ring": 9}}), 0)
    assert row["verdict"] == "diverged at step 3"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            {"n_full": 9, "spread": 1.0, "quality": 0.5, "modes_least": 6},
            "1 of 10 runs lack modes: 2 of 8",
        ),
        ({"n_full": 0, "spread": 0.05, "quality": 0.9, "modes_least": 1}, "one place, 5% of the data's"),
        ({"n_full": 2, "spread": 0.7, "quality": 0.1, "modes_least": 3}, "between the modes, 10% within"),
        ({"n_full": 10, "spread": 1.0, "quality": 0.1, "modes_least": 8}, "covers"),
    ],
)
def test_the_verdict_says_what_is_missing(found, words) -> None:
    assert words in verdict({"n_steps": 5, "n_runs": 10, "n_modes": 8, **found}, 5)


def test_the_bench_goes_on_from_its_cache_and_shows_every_row(tmp_path: Path, monkeypatch) -> None:
    cells = [cell for cell in plan_cells(TINY) if cell.name in ("hinge", "alternating", "none")]
    monkeypatch.setattr(games, "plan_cells", lambda plan: cells)
    monkeypatch.setattr(games, "QUICK", TINY)
    told: list[str] = []
    settings = Settings(quick=True, cache=tmp_path, report=told.append)
    rows = games.run(settings)
    assert told == [f"{i} of 3: {cell.row}" for i, cell in enumerate(cells, 1)]
    assert games.run(settings) == rows
    assert len(told) == 3
    text = table(rows)
    assert all(cell.name in text for cell in cells)
    assert "objectives, ring: 0 of 1 combinations cover" in text
    assert summaries(rows[:3])[0]["n_combinations"] == 1
    figure = Figure()
    draw(figure, rows)
    assert len(figure.axes) == 3


def test_an_interrupted_bench_shows_what_is_measured_and_what_is_not(tmp_path: Path, monkeypatch) -> None:
    cells = [cell for cell in plan_cells(TINY) if cell.name in ("hinge", "mmd", "none")]
    monkeypatch.setattr(games, "plan_cells", lambda plan: cells)
    monkeypatch.setattr(games, "QUICK", TINY)
    real, told = games.measure, []

    def measure_one(cell: Cell, plan: Plan, seed: int):
        if cell.name == "mmd":
            raise KeyboardInterrupt
        return real(cell, plan, seed)

    monkeypatch.setattr(games, "measure", measure_one)
    rows = games.run(Settings(quick=True, cache=tmp_path, report=told.append))
    text = table(rows)
    assert "interrupted: 2 of 3 not measured yet" in told[-1]
    assert "| mmd | ring | - | - | - | - | - | - | not measured yet |" in text
    assert "objectives, ring: 0 of 1 combinations cover" in text
    draw(Figure(), rows)
    monkeypatch.setattr(games, "measure", real)
    assert "not measured yet" not in table(games.run(Settings(quick=True, cache=tmp_path)))


def test_the_overhead_is_timed_in_turns_and_held_to_its_bar() -> None:
    timed = games.QUICK.timed[0]
    row = {"row": timed.row, "section": "overhead", **measure_overhead(timed, 0)}
    assert row["least"] <= row["ratio"] <= row["most"]
    assert "| 64 x 64 |" in overhead_table([row])
    assert [bar.row for bar in games.BENCH.thresholds] == [one.row for one in games.FULL.timed]


def test_the_loop_by_hand_makes_the_step_that_game_makes() -> None:
    images = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    nets = [
        build_seeded({"kind": f"conv-{part}", "image_shape": [1, 16, 16], "channels": 2, **more}, 0)
        for part, more in (("decoder", {"n_latent": 20}), ("discriminator", {}))
    ]
    by_hand = ByHand(*copy.deepcopy(nets), images, 4)
    game = Game(*nets, batch=4, seed=0)
    z = torch.randn(4, 20, generator=torch.Generator().manual_seed(2))
    by_hand.minibatch = lambda: (images.clone(), z)
    game.play.losses.cut = lambda source, draw: (Part(images, z, 0, 0),)
    by_hand.step()
    game.step(images)
    for ours, theirs in zip(
        game.play.losses.players, (by_hand.generator, by_hand.discriminator), strict=True
    ):
        for a, b in zip(ours, theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
