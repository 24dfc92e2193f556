"""A training's progress, live in a terminal: bar, time left, losses, what was measured, images a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sciadv.trainings.protocol import TrainingMonitor, TrainingProgress

#: How the numbers of a step are called in the bar, where their names are too long.
_WORDS = {
    "generator": "G",
    "discriminator": "D",
    "real": "D(real)",
    "fake": "D(fake)",
    "generator_gradient": "|grad G|",
    "discriminator_gradient": "|grad D|",
    "negative_elbo": "-ELBO",
    "frechet": "FID",
}


@contextmanager
def live_progress(kept: list[TrainingProgress] | None = None) -> Iterator[TrainingMonitor]:
    """Give a monitor that shows a bar, the time left and the numbers of the step; nothing without a terminal.

    The terminal is that of stderr, so that stdout holds results only. The steps are added to `kept`.
    """
    keep = kept.append if kept is not None else lambda progress: None  # noqa: ARG005  a monitor's signature
    if not sys.stderr.isatty():
        yield keep
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=console,
    )
    task, line = bar.add_task("train", total=None), Text("-", style="dim")
    with Live(Group(bar, line), console=console, transient=True):
        began: list[tuple[float, int]] = []

        def monitor(progress: TrainingProgress) -> None:
            keep(progress)
            now = time.perf_counter()
            if not began:
                began.append((now, progress.step))
            steps, seconds = progress.step - began[0][1], now - began[0][0]
            speed = {"images/s": steps * progress.batch / seconds} if steps and seconds else {}
            numbers = progress.losses | progress.quality | speed
            words = ", ".join(f"{_WORDS.get(name, name)} {value:.3g}" for name, value in numbers.items())
            bar.update(task, completed=progress.step, total=progress.n_steps)
            line.plain = words

        yield monitor
