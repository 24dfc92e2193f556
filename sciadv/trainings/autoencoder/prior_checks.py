"""What the phases of a prior's training need, checked before the first step."""

from __future__ import annotations

from torch import nn

from sciadv.errors import InputError
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.distributed import world_size


def check_phases(
    schedule: PriorSchedule, discriminator: nn.Module | None, n_images: int, *, has_estimates: bool
) -> None:
    """Check that a schedule's phases have what they need, and that batches can be made and shared.

    Raises
    ------
    InputError
        They do not, or they cannot.
    """
    if schedule.game_steps and discriminator is None:
        raise InputError("the recipe has game_steps but no [discriminator]; add one or set game_steps = 0")
    if schedule.estimate_steps and not has_estimates:
        raise InputError(
            "linear estimates are made from the training set's mean and covariance; give moments, or set "
            "estimate_steps = 0"
        )
    if n_images < schedule.batch:
        raise InputError(f"the data set has {n_images} images, fewer than one batch of {schedule.batch}")
    if schedule.batch % world_size():
        raise InputError(
            f"a batch of {schedule.batch} cannot be cut into {world_size()} equal parts, one a process"
        )
