"""Monitors of a search or a training: a bar, or its numbers in TensorBoard, Weights & Biases or MLflow.

Each function returns what `sciadv.solve`, `sciadv.design`, `sciadv.train` and others take as ``monitor``. The
package that keeps the numbers is imported when the function is called, and only then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from sciadv.errors import InputError

#: What a search calls with a `Progress`, and a training with a `TrainingProgress`.
AnyMonitor = Callable[[Any], None]


def to_bar() -> AnyMonitor:
    """Return a monitor that shows a bar with the numbers of the step, in a terminal or in a notebook.

    A search of several stages has a bar for each.

    Raises
    ------
    InputError
        tqdm is not installed.
    """
    module = _needed("tqdm.auto", "tqdm")
    bars: list[Any] = []

    def monitor(progress: Any) -> None:
        step, numbers = numbers_of(progress)
        total = int(numbers.pop("n_iterations" if "n_iterations" in numbers else "n_steps"))
        if not bars or step < bars[-1].n or total != bars[-1].total:
            bars.append(module.tqdm(total=total))
        bars[-1].set_postfix({name: f"{number:.3g}" for name, number in numbers.items()}, refresh=False)
        bars[-1].update(step - bars[-1].n)
        if step == total:
            bars[-1].close()

    return monitor


def to_tensorboard(folder: str | Path, *, prefix: str = "sciadv") -> AnyMonitor:
    """Return a monitor that writes every number as a scalar of TensorBoard, into a folder.

    Parameters
    ----------
    folder
        Where the event files go.
    prefix
        What the names of the scalars begin with, before a slash.

    Raises
    ------
    InputError
        TensorBoard is not installed.
    """
    module = _needed("torch.utils.tensorboard", "tensorboard")
    writer = module.SummaryWriter(str(folder))

    def monitor(progress: Any) -> None:
        step, numbers = numbers_of(progress)
        for name, number in numbers.items():
            writer.add_scalar(f"{prefix}/{name}", number, step)
        writer.flush()

    return monitor


def to_wandb(*, project: str = "sciadv", prefix: str = "sciadv") -> AnyMonitor:
    """Return a monitor that logs to the current run of Weights & Biases, or to a new one.

    Parameters
    ----------
    project
        Project of a new run.
    prefix
        What the names begin with, before a slash.

    Raises
    ------
    InputError
        wandb is not installed.
    """
    module = _needed("wandb", "wandb")
    run = module.init(project=project) if module.run is None else module.run

    def monitor(progress: Any) -> None:
        step, numbers = numbers_of(progress)
        run.log({f"{prefix}/{name}": number for name, number in numbers.items()} | {f"{prefix}/step": step})

    return monitor


def to_mlflow(*, prefix: str = "sciadv") -> AnyMonitor:
    """Return a monitor that logs to the active run of MLflow, which starts one where there is none.

    Parameters
    ----------
    prefix
        What the names begin with, before a dot.

    Raises
    ------
    InputError
        mlflow is not installed.
    """
    module = _needed("mlflow", "mlflow")

    def monitor(progress: Any) -> None:
        step, numbers = numbers_of(progress)
        module.log_metrics({f"{prefix}.{name}": number for name, number in numbers.items()}, step=step)

    return monitor


def numbers_of(progress: Any) -> tuple[int, dict[str, float]]:
    """Return the step of a progress and its numbers by name, those in its tables included.

    Examples
    --------
    >>> from sciadv.solvers import Progress
    >>> step, numbers = numbers_of(Progress(3, 10, 4, 8, 1.5, 0.2))
    >>> step, numbers["best_misfit"], numbers["n_alive"]
    (3, 1.5, 4)
    """
    held = {field.name: getattr(progress, field.name) for field in fields(progress)}
    step = held.pop("iteration") if "iteration" in held else held.pop("step")
    numbers: dict[str, float] = {}
    for name, value in held.items():
        numbers |= value if isinstance(value, dict) else {name: value}
    return step, numbers


def _needed(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"this monitor needs {package}, which is not installed: pip install {package}"
        ) from error
