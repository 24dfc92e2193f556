"""What every training shares: data order, the loop with its checkpoints, logs, several processes."""

from sciadv.games.trainer.distributed import average_gradients, is_first, process_group, world_size
from sciadv.games.trainer.log import TrainingLog, save_grid
from sciadv.games.trainer.loop import (
    DivergedError,
    Trainable,
    TrainingMonitor,
    TrainingProgress,
    first_not_finite,
    run_steps,
)
from sciadv.games.trainer.order import Sampler, batch_indices, step_generator
from sciadv.games.trainer.state import collect, restore_state

__all__ = [
    "DivergedError",
    "Sampler",
    "Trainable",
    "TrainingLog",
    "TrainingMonitor",
    "TrainingProgress",
    "average_gradients",
    "batch_indices",
    "collect",
    "first_not_finite",
    "is_first",
    "process_group",
    "restore_state",
    "run_steps",
    "save_grid",
    "step_generator",
    "world_size",
]
