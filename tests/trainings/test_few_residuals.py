"""Few residuals of many variables between bounds."""

import torch

from sciadv.trainings.physics.few_residuals import meet_residuals


def sphere(x, rows):
    """Squared distance from a corner, beside the goal of each start, and a limit on the first variable."""
    goal = torch.tensor([1.0, 2.0], dtype=x.dtype)[rows % 2]
    off = 100 * (x.square().sum(1) / goal - 1)
    over = 100 * (x[:, 0] - 0.3)
    slopes = torch.zeros(len(x), 2, x.shape[1], dtype=x.dtype)
    slopes[:, 0] = 200 * x / goal[:, None]
    slopes[:, 1, 0] = 100 * (over > -5)
    return torch.stack([off, over.clamp_min(0)], 1), slopes


def starts(n=6):
    return torch.rand(n, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_every_start_meets_its_own_goal_and_the_limit_between_the_bounds():
    found = meet_residuals(sphere, starts(), n_steps=30, enough=0.1)
    assert bool((found.residual.abs() <= 0.1).all())
    assert bool((found.place[:, 0] <= 0.301).all())
    assert bool(((found.place >= 0) & (found.place <= 1)).all())


def test_the_way_is_short():
    start = 0.25 * starts(2)
    found = meet_residuals(lambda x, rows: tuple(one[:, :1] for one in sphere(x, rows)), start, enough=1e-6)
    goal = torch.tensor([1.0, 2.0], dtype=torch.float64)[:, None]
    straight = goal.sqrt() * start / start.norm(dim=1, keepdim=True)
    assert float((found.place - start).norm()) < 1.02 * float((straight - start).norm())


def test_a_start_that_has_ended_is_not_evaluated_again():
    seen = []

    def counted(x, rows):
        seen.append(rows.tolist())
        return sphere(x, rows)

    met = meet_residuals(sphere, starts(), enough=0.1).place
    mixed = torch.cat([met[:1], starts()[1:2]])
    found = meet_residuals(counted, mixed, enough=0.1)
    assert found.n_evaluations[0] == 1
    assert seen[0] == [0, 1]
    assert all(rows == [1] for rows in seen[1:])


def test_a_start_alone_ends_where_it_ends_in_a_batch_and_nan_stays():
    alone = meet_residuals(sphere, starts()[:1], n_steps=5).place
    batch = meet_residuals(sphere, starts(), n_steps=5).place
    torch.testing.assert_close(alone[0], batch[0])
    broken = starts(2)
    broken[0] = torch.nan
    assert bool(meet_residuals(sphere, broken, n_steps=3).place[0].isnan().all())


def test_starts_without_a_slope_or_with_the_same_twice_keep_none_of_the_others_back():
    def residuals(x, rows):
        first = x.sum(1) - 1
        slope = torch.ones(len(x), 2, 3)
        is_flat = (rows == 1).float()[:, None, None]
        return torch.stack([first, first], 1), slope * (1 - is_flat)

    met = meet_residuals(residuals, torch.zeros(2, 3), enough=1e-3, damping=1e-9)
    assert float(met.residual[0].abs().max()) <= 1e-3
    assert met.place[1].tolist() == [0, 0, 0]
