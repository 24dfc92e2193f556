"""The solution: what was found, how well it agrees with the data, and why the search stopped, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.arguments.values import as_count, shown
from sciadv.errors import InputError
from sciadv.files.folders import as_path
from sciadv.files.publishing import publish
from sciadv.solution.saved_solution import all_arrays, read_fields, write_arrays, write_solution
from sciadv.solution.solution_rows import SolutionRows
from sciadv.types import as_device

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, eq=False, repr=False)
class Solution(SolutionRows):
    """The answer to a `Problem`: one row per measurement.

    Parameters
    ----------
    x
        Candidates ``(batch, *in_shape)``.
    z
        Latents ``(batch, n_latent)``; None for methods without a generator.
    prediction
        ``F(x)``, ``(batch, *out_shape)``.
    misfit
        How far the data are from the prediction, in `unit`; ``(batch,)``.
    status
        Why the search stopped, per measurement.
    method
        Name of the solver that ran.
    objective
        ``-log p(y | F(x)) + latent_weight / 2 |z|^2`` at the answer, ``(batch,)``.
    restart_objectives
        The same for every restart ``(batch, restarts)``: whether the restarts agree. Pruned restarts keep the
        value they were pruned at.
    restart_latents
        The restarts' last latents ``(batch, restarts, n_latent)``.
    history
        Mean over the batch of the best objective, per iteration.
    seconds
        Wall time of the search.
    settings
        The solver's settings, its seed and what it chose by itself.
    unit
        Unit of the misfit.
    margins
        How far each constraint is below its limit, in parts of it ``(batch, constraints)``, or None.
    posterior
        Draws from ``p(x | y)``, with their mean, spread and intervals; None for methods that give one answer.
    x_range
        ``G(z)``, the part of x in the generator's range ``(batch, *in_shape)``, of methods that leave it;
        else None, and x itself is G(z).
    noise_level
        Standard deviation of the noise as the evidence estimates it [unit of y] ``(batch,)``, where the
        problem does not know it and the method can; else None.
    diagnosis
        How far to trust each answer, in words: `sciadv.solve` attaches it.
    measurements
        The data that were explained ``(batch, *out_shape)``: `sciadv.solve` attaches them.

    Examples
    --------
    A solution is indexed and gone through by measurements, and its file gives it back bit for bit:

    >>> import sciadv, tempfile
    >>> solution = sciadv.solve("compressed-sensing", "lmmse", diagnose=None)
    >>> len(solution), solution[3].x.shape, solution[2:5].misfit.shape
    (16, torch.Size([1, 1, 28, 28]), torch.Size([3]))
    >>> folder = solution.save(tempfile.mkdtemp() + "/answer")
    >>> torch.equal(sciadv.Solution.load(folder).x, solution.x)
    True
    """

    def save(self, folder: Path | str) -> Path:
        """Write ``solution.npz``, from which `load` makes the same solution again, and ``summary.json``.

        What is in ``solution.npz`` is said by `arrays`.
        """
        return publish(as_path(folder, "folder"), lambda new: write_solution(self, new))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what ``solution.npz`` holds, by name: a row per measurement.

        Every tensor is there under its field's name, those of the posterior and the diagnosis behind
        ``posterior_`` and ``diagnosis_``; beside them the posterior's mean and standard deviation, a mask
        ``is_...`` of each flag of the diagnosis, the status as a word and as a number, and the record of all
        that is no array.
        """
        return all_arrays(self)

    @classmethod
    def load(cls, path: Path | str, *, device: torch.device | str = "cpu") -> Solution:
        """Read a solution that `save`, ``sciadv solve`` or a block of `sciadv.solve_many` wrote.

        Every number, word and setting is as it was, to the bit; loading runs no code from the file.

        Parameters
        ----------
        path
            The folder, or the ``.npz`` file in it.
        device
            Where its tensors go; "auto" for the accelerator where there is one.

        Raises
        ------
        InputError
            There is no such file, it is broken or no solution, or an older version of sciadv wrote it.
        """
        return cls(**read_fields(as_path(path))).to(as_device(device))

    def save_arrays(self, path: Path | str) -> Path:
        """Write one ``.npz`` file, which `load` takes as well as a folder."""
        return write_arrays(self, as_path(path))

    def plot(
        self,
        kind: Literal["results", "residuals", "restarts", "posterior", "convergence"] = "results",
        *,
        n_examples: int = 10,
        truth: Tensor | None = None,
    ) -> Figure:
        """Draw the solution and return a matplotlib figure, which a notebook shows and ``savefig`` saves.

        Parameters
        ----------
        kind
            "results": the data, the answers with their spread, predictions and residuals; "residuals": those
            of the worst explained measurements; "restarts": how many agree; "posterior": mean, spread and
            draws; "convergence": the objective over the iterations, and the chain that mixed worst.
        n_examples
            Measurements at most, of the kinds that draw them one by one.
        truth
            The true candidates ``(batch, *in_shape)`` where they are known, for "results".

        Raises
        ------
        InputError
            There is no such kind, or the solution lacks what it draws.
        """
        from sciadv.solution import solution_pictures as pictures

        n = as_count(n_examples, "n_examples")
        if kind == "results":
            return pictures.draw_results(self, n_examples=n, truth=truth)
        if kind not in pictures.PICTURES:
            raise InputError(f"kind must be one of {', '.join(pictures.PICTURES)}, but it is {shown(kind)}")
        return pictures.PICTURES[kind](self, n)

    def to_xarray(self) -> xarray.Dataset:
        """Return every array by name, with named dimensions and, where they are known, units.

        Raises
        ------
        InputError
            xarray is not installed.
        """
        from sciadv.solution.labelled_arrays import as_dataset

        return as_dataset(self)

    def to_inferencedata(self) -> xarray.DataTree:
        """Return the draws as ArviZ 1 takes them: ``posterior`` with dimensions chain and draw, and the data.

        `Posterior.r_hat` and `Posterior.effective_sample_size` of Markov chains are ArviZ's ``rhat`` and
        ``ess`` of ``z``, the worst over its latents. Independent and resampled draws are one chain.

        Raises
        ------
        InputError
            The method gives no draws, or xarray is not installed.
        """
        from sciadv.solution.labelled_arrays import as_inference_data

        return as_inference_data(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a row per measurement: status, misfit, agreement, flags, words; units in the columns' names.

        Raises
        ------
        InputError
            pandas is not installed.
        """
        from sciadv.solution.labelled_arrays import as_frame

        return as_frame(self)

    def export(self, path: Path | str) -> Path:
        """Write for other programs: `to_xarray` to ``.nc`` (NetCDF) or ``.zarr``, `to_pandas` to ``.csv``.

        Of complex arrays real and imaginary part become a last dimension.

        Raises
        ------
        InputError
            The path ends otherwise, or what writes such a file is not installed.
        """
        from sciadv.solution.labelled_arrays import export

        return export(self, as_path(path))

    def _repr_html_(self) -> str:
        from sciadv.drawing.notebook import html_card, thumbnails
        from sciadv.solution.solution_pictures import status_counts

        facts = [
            ("measurements", f"{len(self)}: {status_counts(self)}"),
            ("misfit, median", f"{self.median_misfit:.4g} {self.unit}" if len(self) else None),
            ("answers x", f"{tuple(self.x.shape)}, {str(self.x.dtype).removeprefix('torch.')}"),
            ("posterior", None if self.posterior is None else repr(self.posterior)),
            ("time", f"{self.seconds:.4g} s"),
        ]
        raised = [] if self.diagnosis is None else [("diagnosis", words) for words in self.diagnosis.counts()]
        picture = thumbnails(self.x)
        return html_card(f"Solution by {self.method}", [*facts, *raised], picture=picture)
