"""What every training shares: data order, the loop with its checkpoints, logs, several processes."""

from sciadv.trainings.data_order import Sampler, batch_indices, step_generator
from sciadv.trainings.distributed import average_gradients, is_first, process_group, world_size
from sciadv.trainings.guard import GradientGuard, named_weights
from sciadv.trainings.log import TrainingLog, save_grid
from sciadv.trainings.loop import run
from sciadv.trainings.protocol import (
    DivergedError,
    Resumable,
    Training,
    TrainingMonitor,
    TrainingProgress,
    diverged,
    first_not_finite,
    load_training,
    save_training,
)
from sciadv.trainings.training_state import collect, restore_state

__all__ = [
    "DivergedError",
    "GradientGuard",
    "Resumable",
    "Sampler",
    "Training",
    "TrainingLog",
    "TrainingMonitor",
    "TrainingProgress",
    "average_gradients",
    "batch_indices",
    "collect",
    "diverged",
    "first_not_finite",
    "is_first",
    "load_training",
    "named_weights",
    "process_group",
    "restore_state",
    "run",
    "save_grid",
    "save_training",
    "step_generator",
    "world_size",
]
