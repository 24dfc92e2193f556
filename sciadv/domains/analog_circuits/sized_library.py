"""A library of amplifiers with the slopes of their figures: proposals for a target without a simulation.

Each circuit of the library knows its figures and their derivatives in its values. For a target, the nearest
circuit is moved by the shortest step that its slopes say leads there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward import AnalogAmplifier
from sciadv.forward.design.quantity import box_of
from sciadv.solvers.least_squares.between_bounds import minimise_in_box


@dataclass(frozen=True)
class SpecTolerance:
    """How far figures may be from a target's.

    Parameters
    ----------
    gain, phase_margin
        [dB], [deg].
    frequency
        Of the unity-gain frequency, as a part of it.
    """

    gain: float = 1.0
    frequency: float = 0.05
    phase_margin: float = 5.0

    def scaled(self, targets: Tensor) -> Tensor:
        """Return gain [dB], unity-gain frequency [Hz] and phase margin [deg] ``(n, 3)`` in tolerances."""
        parts = targets.unbind(1)
        spans = (self.gain, self.frequency, self.phase_margin)
        plain = (parts[0], parts[1].log(), parts[2])
        return torch.stack([part / span for part, span in zip(plain, spans, strict=True)], 1)


@dataclass(frozen=True, eq=False)
class SizedLibrary:
    """Circuits, their figures and slopes.

    Parameters
    ----------
    model
        Predicts gain, unity-gain frequency and phase margin of designs.
    place
        The circuits' places between the bounds of the variables ``(n, variables)``.
    figures
        In tolerances ``(n, 3)``.
    slopes
        Of the figures in the places ``(n, variables, 3)``.
    tolerance
        What one tolerance is.
    """

    model: AnalogAmplifier
    place: Tensor
    figures: Tensor
    slopes: Tensor
    tolerance: SpecTolerance

    @staticmethod
    def of(
        x: Tensor,
        model: AnalogAmplifier | None = None,
        *,
        tolerance: SpecTolerance | None = None,
        chunk: int = 500,
    ) -> SizedLibrary:
        """Return the library of designs ``(n, variables)``; those without one of the figures are left out.

        Raises
        ------
        InputError
            No design has all figures.
        """
        names = ("gain", "unity_gain_frequency", "phase_margin")
        predicting = AnalogAmplifier() if model is None else model
        predicting = predicting.with_properties(names).to("cpu", torch.float64)
        span = SpecTolerance() if tolerance is None else tolerance
        place = box_of(predicting).to_unit(x.double())
        parts = [with_slopes(predicting, part, span) for part in torch.split(place, chunk)]
        figures, slopes = (torch.cat(column) for column in zip(*parts, strict=True))
        sound = figures.isfinite().all(1) & slopes.isfinite().flatten(1).all(1)
        if not bool(sound.any()):
            raise InputError("none of the designs amplifies, so that no library can be made of them")
        return SizedLibrary(
            predicting,
            place[sound],
            figures[sound],
            slopes[sound],
            span,
        )

    def nearest(self, targets: Tensor, k: int = 1) -> Tensor:
        """Return the rows of the circuits whose figures are nearest to targets ``(n, 3)``; ``(n, k)``."""
        goal = self.tolerance.scaled(targets)
        rows = [
            (part[:, None] - self.figures).abs().amax(2).topk(k, 1, largest=False).indices
            for part in torch.split(goal, 64)
        ]
        return torch.cat(rows)

    def looked_up(self, targets: Tensor) -> Tensor:
        """Return the nearest circuits themselves ``(n, variables)``."""
        return box_of(self.model).from_unit(self.place[self.nearest(targets)[:, 0]])

    def propose(
        self,
        targets: Tensor,
        *,
        damping: float = 1e-3,
        longest: float = 0.3,
    ) -> Tensor:
        """Return the nearest circuits, moved by their slopes ``(n, variables)``; nothing is simulated.

        Parameters
        ----------
        targets
            Gain [dB], unity-gain frequency [Hz] and phase margin [deg], ``(n, 3)``.
        damping
            Of the step, relative to the mean square of the slopes.
        longest
            How far any variable may move, as a part of the distance of its bounds.
        """
        rows = self.nearest(targets)[:, 0]
        off = self.tolerance.scaled(targets) - self.figures[rows]
        slopes = self.slopes[rows]
        normal = slopes.mT @ slopes
        ridge = damping * normal.diagonal(dim1=1, dim2=2).mean(1)
        system = normal + ridge[:, None, None] * torch.eye(3, dtype=normal.dtype)
        step = (slopes @ torch.linalg.solve(system, off[:, :, None]))[:, :, 0]
        length = step.abs().amax(1, keepdim=True)
        step = step * (longest / length.clamp_min(1e-300)).clamp(max=1)
        return box_of(self.model).from_unit((self.place[rows] + step).clamp(0, 1))

    def refined(
        self,
        targets: Tensor,
        *,
        k: int = 8,
        n_steps: int = 12,
    ) -> Tensor:
        """Return the best of `k` circuits for each target, after Levenberg-Marquardt ``(n, variables)``.

        ``k (n_steps + 1)`` circuits are simulated with their slopes for each target.
        """
        rows = self.nearest(targets, k)
        goal = self.tolerance.scaled(targets).repeat_interleave(k, 0)

        def residuals(place: Tensor) -> tuple[Tensor, Tensor]:
            figures, slopes = with_slopes(self.model, place, self.tolerance)
            return figures - goal, slopes.nan_to_num()

        found = minimise_in_box(residuals, self.place[rows.flatten()], n_steps=n_steps)
        best = found.value.reshape(-1, k).nan_to_num(torch.inf).argmin(1)
        place = found.place.reshape(len(targets), k, -1)[torch.arange(len(targets)), best]
        return box_of(self.model).from_unit(place)

    def take(self, rows: Tensor) -> SizedLibrary:
        """Return the library of some of the circuits."""
        parts = (self.place[rows], self.figures[rows], self.slopes[rows])
        return replace(
            self,
            place=parts[0],
            figures=parts[1],
            slopes=parts[2],
        )


def with_slopes(
    model: AnalogAmplifier,
    place: Tensor,
    tolerance: SpecTolerance,
) -> tuple[Tensor, Tensor]:
    """Return figures in tolerances ``(n, 3)`` and their slopes in the places ``(n, variables, 3)``."""
    with torch.enable_grad():
        here = place.detach().requires_grad_(True)
        figures = tolerance.scaled(model(box_of(model).from_unit(here)))
        columns = figures.unbind(1)
        slopes = [torch.autograd.grad(one.sum(), here, retain_graph=True)[0] for one in columns]
    return figures.detach(), torch.stack(slopes, 2)
