"""What a training leaves in its folder: tables of its numbers, ``metrics.json``, sample grids, events."""

from __future__ import annotations

import json
import logging
import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, final, runtime_checkable

import numpy as np
from torch import Tensor

from sciadv.files.folders import as_path
from sciadv.files.page import csv_line, png
from sciadv.files.publishing import make_folder
from sciadv.files.texts import read_csv
from sciadv.files.writing import GrowingFile, write_file

_logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from types import TracebackType

CSV, QUALITY, JSON = "metrics.csv", "quality.csv", "metrics.json"


@runtime_checkable
class _ScalarWriter(Protocol):
    """The part of TensorBoard's writer that is used."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def close(self) -> None: ...


@final
class _Table:
    """A CSV file of rows by step; rows after `n_done` of an earlier run are dropped, earlier ones kept."""

    def __init__(self, path: Path, n_done: int) -> None:
        self._path = path
        kept = _rows_until(path, n_done)
        self._columns = kept[0] if kept else ["step"]
        self.file = self._begin(kept)

    def _begin(self, rows: list[list[str]]) -> GrowingFile:
        return GrowingFile(self._path, "".join(map(csv_line, rows)))

    def write(self, step: int, numbers: dict[str, float]) -> None:
        """Add a row; a number of a new name gets a column, empty in the rows before."""
        row = {"step": step, **numbers}
        new = [name for name in row if name not in self._columns]
        if new:
            self.file.close()
            rows = _rows_until(self._path, step)[1:]
            self._columns = [*self._columns, *new]
            self.file = self._begin([self._columns, *(old + [""] * len(new) for old in rows)])
        self.file.write(csv_line([row.get(column, "") for column in self._columns]))


@final
class TrainingLog:
    """Rows of losses, one a step, and of measurements, into a folder; a context that closes its files.

    Parameters
    ----------
    folder
        Made if it is not there.
    n_done
        Steps done before; later rows of an interrupted run are dropped, earlier ones kept.
    has_tensorboard
        Whether to write TensorBoard's events too; None does where the package can be imported, and logs a
        warning where it is there and cannot.
    """

    def __init__(self, folder: Path | str, *, n_done: int = 0, has_tensorboard: bool | None = None) -> None:
        self.folder = as_path(folder, "folder")
        make_folder(self.folder)
        self._steps, self._quality = (_Table(self.folder / name, n_done) for name in (CSV, QUALITY))
        wanted = find_spec("tensorboard") is not None if has_tensorboard is None else has_tensorboard
        try:
            self._board = _tensorboard(self.folder, n_done) if wanted else None
        except ImportError as error:
            if has_tensorboard:
                raise
            _logger.warning("no TensorBoard events are written, since it cannot be imported: %s", error)
            self._board = None

    def write(self, step: int, numbers: dict[str, float]) -> None:
        """Add a row to ``metrics.csv``."""
        self._steps.write(step, numbers)
        self._show(step, numbers)

    def measured(self, step: int, numbers: dict[str, float]) -> None:
        """Add a row to ``quality.csv``."""
        self._quality.write(step, numbers)
        self._show(step, numbers)

    def _show(self, step: int, numbers: dict[str, float]) -> None:
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(name, value, step)

    def flush(self) -> None:
        """Write the rows so far to disk."""
        for table in (self._steps, self._quality):
            table.file.flush()

    def summary(self, facts: dict[str, Any]) -> None:
        """Write `facts` as ``metrics.json``; NaN and Inf become null."""
        text = json.dumps(_plain(facts), indent=2, allow_nan=False)
        write_file(self.folder / JSON, text + "\n")

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for table in (self._steps, self._quality):
            table.file.close()
        if self._board is not None:
            self._board.close()


def _rows_until(path: Path, n_done: int) -> list[list[str]]:
    if n_done == 0 or not path.exists():
        return []
    header, *rows = read_csv(path, advice="delete it to begin a new one") or [[]]
    whole = [row for row in rows if len(row) == len(header) and row[0].isdecimal() and int(row[0]) <= n_done]
    return [header, *whole] if header else []


def _tensorboard(folder: Path, n_done: int) -> _ScalarWriter:
    from torch.utils.tensorboard import SummaryWriter

    writer: _ScalarWriter = SummaryWriter(str(folder), purge_step=n_done + 1 if n_done else None)
    return writer


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save_grid(samples: Tensor, path: Path | str, *, n_columns: int = 8) -> None:
    """Write images ``(n, channels, height, width)`` side by side, or points ``(n, 2)`` as a scatter.

    Images are clipped to [0, 1] and have a line of one pixel between them. Of volumes the middle slices are
    shown, of channels that are no colours the first, and signals ``(n, channels, length)`` as lines.
    """
    target = as_path(path)
    if samples.ndim == 2:
        _save_scatter(samples, target)
        return
    if samples.ndim == 3:
        _save_lines(samples, target, n_columns)
        return
    if samples.ndim == 5:
        samples = samples[:, :, samples.shape[2] // 2]
    if samples.shape[1] not in (1, 3):
        samples = samples[:, :1]
    from matplotlib.image import imsave

    x = samples.detach().float().clamp(0, 1).cpu().numpy()
    n, channels, height, width = x.shape
    n_rows = -(-n // n_columns)
    canvas = np.full((channels, n_rows * (height + 1) - 1, n_columns * (width + 1) - 1), 0.5, np.float32)
    for i, image in enumerate(x):
        top, left = i // n_columns * (height + 1), i % n_columns * (width + 1)
        canvas[:, top : top + height, left : left + width] = image
    pixels = np.moveaxis(canvas, 0, -1) if channels == 3 else canvas[0]
    write_file(target, lambda file: imsave(file, pixels, cmap="gray", vmin=0, vmax=1, format="png"))


def _save_lines(signals: Tensor, path: Path, n_columns: int) -> None:
    from matplotlib.figure import Figure

    n_rows = -(-len(signals) // n_columns)
    figure = Figure(figsize=(1.2 * n_columns, 0.9 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, signal in zip(axes.flat, signals.detach().float().cpu().numpy(), strict=False):
        axis.plot(signal.T, linewidth=0.8)
    write_file(path, png(figure, dpi=80))


def _save_scatter(points: Tensor, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    x, y = points[:, :2].detach().cpu().numpy().T
    axes.scatter(x, y, s=4, color="#2f6db3")
    axes.set_aspect("equal")
    write_file(path, png(figure, dpi=100))
