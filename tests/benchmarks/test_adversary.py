"""The bench of the game in a solve: its measures on images whose answer is known, its paired differences."""

from __future__ import annotations

import pytest
import torch

from benchmarks.adversary.adversary import CASES, compared, table
from benchmarks.adversary.realism import energy_score, measured, radial_spectrum, sharpened


def images(n: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(seed))


def test_draws_that_are_the_truth_have_no_distance_and_blurred_ones_do() -> None:
    truth = images(5)
    same = truth[:, None].expand(-1, 4, -1, -1, -1)
    assert all(float(found.abs().max()) < 1e-5 for found in measured(same, truth, None).values())
    blurred = torch.nn.functional.avg_pool2d(truth, 3, 1, 1)[:, None].expand_as(same)
    found = measured(blurred, truth, None)
    assert float(found["spectrum"].min()) > 0.2
    assert float(found["error"].min()) > 0.01


def test_a_wave_has_its_power_in_its_own_ring() -> None:
    wave = torch.sin(2 * torch.pi * 3 * torch.arange(16) / 16).expand(1, 16, 16)
    power = radial_spectrum(wave)
    assert int(power.argmax()) == 2  # three periods; the ring of none is left out
    assert float(power[2] / power.sum()) > 0.999


def test_the_energy_score_prefers_the_right_distribution() -> None:
    draw = torch.Generator().manual_seed(0)
    truth = torch.randn(400, 3, generator=draw)
    right = torch.randn(400, 50, 3, generator=draw)
    assert float(energy_score(right, truth).mean()) < float(energy_score(0.3 * right, truth).mean())
    assert float(energy_score(right, truth).mean()) < float(energy_score(right + 0.5, truth).mean())


def test_sharpening_gives_samples_the_spectrum_of_images() -> None:
    real = images(400)
    weak = 0.5 + 0.2 * (images(400, 1) - 0.5)
    made = sharpened(weak[:, None], weak, real)[:, 0]
    assert float(made.std() / real.std()) == pytest.approx(1.0, abs=0.05)


def test_differences_are_paired_by_image_and_counted_in_standard_errors() -> None:
    case = CASES[0]
    values = {"elbo": [1.0, 2.0, 3.0, 4.0], "game": [0.8, 1.9, 2.8, 3.9]}
    rows = [
        {
            "row": f"{name} {seed}",
            "seed": seed,
            "values": {f"{case.name} | {name} | {m}": v for m in ("error", case.metric)},
        }
        for name, v in values.items()
        for seed in (0, 1)
    ]
    found = {row["row"]: row for row in compared(rows)}
    game = found[f"{case.name} | game | error"]
    assert game["difference"] == pytest.approx(-0.15)
    assert game["standard_error"] == pytest.approx(0.0535 / 8**0.5, rel=1e-2)
    summary = found["all problems"]
    assert (summary["n_better"], summary["n_worse_in_error"], summary["n_above_all_rivals"]) == (1, 0, 1)
    assert f"in 1 of {len(CASES)} problems" in table(list(found.values()))
