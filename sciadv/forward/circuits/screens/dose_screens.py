"""Screens of the dose response at rest: switching, ultrasensitivity and band-pass of one induced gene.

Steady states are followed by Newton's iteration from dose to dose, up and down; each is differentiated by the
implicit function theorem at its own dose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.forward.circuits.screens.steady_points import ScreenSettings, SteadyPoints
from sciadv.physics.regulation.inputs import induced
from sciadv.physics.regulation.rest import newton
from sciadv.physics.regulation.steady import Relative, Spectrum, differentiable, jacobians


@dataclass(frozen=True)
class DoseResponse:
    """Logarithms of levels at rest by dose, on the way up and down ``(2, doses, batch, genes)``.

    Parameters
    ----------
    decades
        Decadic logarithms of relative levels, that of the induced gene in parts of its induced largest.
    log_doses
        ``(doses,)``, decadic.
    gain
        Derivative of the logarithms of levels by that of the dose, on the way up ``(doses, batch, genes)``.
    growth
        Largest real part of an eigenvalue over doses and ways [mean degradation rates] ``(batch,)``.
    is_rest
        Which states are steady ones ``(2, doses, batch)``.
    outputs
        Which genes are there and not induced ``(batch, genes)``.
    """

    decades: Tensor
    log_doses: Tensor
    gain: Tensor
    growth: Tensor
    is_rest: Tensor
    outputs: Tensor

    @staticmethod
    def of(
        points: SteadyPoints,
        gene: int,
        *,
        n_doses: int = 9,
        n_decades: float = 2.0,
    ) -> DoseResponse:
        """Follow the steady states from the lowest dose to the highest and back."""
        kinetics = points.kinetics
        log_doses = torch.linspace(-n_decades, n_decades, n_doses, dtype=points.states.dtype)
        some = [induced(kinetics, gene, 10 ** float(dose)) for dose in log_doses]
        equations = [Relative.of(one) for one in some]
        ways = list[Tensor]()
        gains, growths, rests = [], [], []
        y = _relaxed(equations[0], points.states[0].detach())
        for order in (range(n_doses), reversed(range(n_doses))):
            way = []
            for k in order:
                y, solved = _followed(equations[k], y)
                state = differentiable(equations[k], y)
                way.append(state.clamp_min(1e-6).log10())
                growths.append(_largest_growth(equations[k], state, points.mean_rate))
                gains.append(_gain(equations[k], state, gene))
                rests.append(solved)
            ways.append(torch.stack(way if len(ways) == 0 else way[::-1]))
        outputs = (kinetics.presence > 0).clone()
        outputs[:, gene] = False
        return DoseResponse(
            torch.stack(ways),
            log_doses,
            torch.stack(gains[:n_doses]),
            torch.stack(growths).amax(0),
            torch.stack([torch.stack(rests[:n_doses]), torch.stack(rests[n_doses:][::-1])]),
            outputs,
        )

    def best(
        self,
        quality: Tensor,
        is_rest: Tensor,
        *,
        worst: float = -1.0,
    ) -> Tensor:
        """Return the quality of the best output, `worst` where there is none or no rest ``(batch,)``."""
        best = quality.masked_fill(~self.outputs, worst).amax(1)
        return torch.where(is_rest, best, worst)

    @property
    def always_rests(self) -> Tensor:
        """Whether every state is a steady one ``(batch,)``."""
        return self.is_rest.all(0).all(0)


@torch.no_grad()
def _relaxed(equations: Relative, y: Tensor, *, n_steps: int = 30) -> Tensor:
    """Return levels after some steps towards rest."""
    for _ in range(n_steps):
        y = 0.5 * (y + equations.parts(y)[0].clamp(1e-6, 2.0))
    return y


@torch.no_grad()
def _followed(equations: Relative, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the steady state next to levels; a fold is left by relaxing first.

    Near a fold Newton's iteration is slow: a thousandth of a level is near enough for a screen.
    """
    constant = equations.detach()
    state, _ = newton(constant, _relaxed(constant, y, n_steps=20), n_steps=10)
    distance = (constant.parts(state)[0] - state).abs()
    return state, (distance <= 1e-3 * (state + 1e-3)).all(-1)


def _gain(equations: Relative, state: Tensor, gene: int) -> Tensor:
    """Return ``(I - S)^-1 e``, e of the induced gene, S slopes in logarithms (implicit function theorem)."""
    f, slope = equations.parts(state)
    logs = (slope * state[..., None] / f[..., None, :]).transpose(-1, -2)
    identity = torch.eye(logs.shape[-1], dtype=logs.dtype, device=logs.device)
    inverse, _ = torch.linalg.inv_ex(identity - logs)
    gain: Tensor = inverse.nan_to_num(0.0, 0.0, 0.0)[..., gene]
    return gain


def _largest_growth(equations: Relative, state: Tensor, mean_rate: Tensor) -> Tensor:
    matrix = jacobians(equations, state) / mean_rate[:, None, None]
    spectrum = Spectrum.of(matrix)
    return spectrum.real_part(matrix, spectrum.values.real.argmax(-1))


def switching_margin(
    points: SteadyPoints,
    settings: ScreenSettings,
) -> Float[Tensor, " batch"]:
    """Return by how many decades both ways differ inside a closed loop, else the largest growth."""
    response = DoseResponse.of(points, settings.input_gene)
    both = response.is_rest.all(0)
    apart = (response.decades[0] - response.decades[1]).abs()
    apart = torch.where(both[..., None], apart, 0.0)  # on the way from a fold
    ends = torch.maximum(apart[0], apart[-1])
    inside = apart.amax(0) - 2 * ends
    best = response.best(inside, both[0] & both[-1])
    return torch.where(best > settings.resolution, best, response.growth.clamp_max(0.0))


def ultrasensitivity_margin(
    points: SteadyPoints, settings: ScreenSettings, *, least_hill: float = 4.9
) -> Float[Tensor, " batch"]:
    """Return the decades by which the effective Hill coefficient exceeds a bound, less any hysteresis.

    With p the part of the response it is taken for the largest ``dp / dln u / (p (1 - p))`` between 10 and
    90 %, which is that of a Hill function everywhere, or for the difference of logits between two doses.
    """
    response = DoseResponse.of(points, settings.input_gene, n_doses=13)
    levels = 10 ** response.decades[0]
    whole = levels[-1] - levels[0]
    whole = torch.where(whole.abs() < 1e-4, 1e-4, whole)
    part = (levels - levels[0]) / whole
    middle = part.clamp(0.1, 0.9)
    slope = levels * response.gain / whole / (middle * (1 - middle))
    local = torch.where(part == middle, slope, 0.0).amax(0)
    spacing = float(response.log_doses[1] - response.log_doses[0]) * math.log(10)
    hill = torch.maximum(local, middle.logit().diff(dim=0).amax(0) / spacing)
    large = (response.decades[0, -1] - response.decades[0, 0]).abs() - math.log10(2)
    apart = (response.decades[0] - response.decades[1]).abs().amax(0)
    steep = (hill.clamp_min(1e-3) / least_hill).log10()
    return response.best(torch.minimum(steep, large) - apart, response.always_rests)


def band_pass_margin(
    points: SteadyPoints,
    settings: ScreenSettings,
) -> Float[Tensor, " batch"]:
    """Return the decades by which an output at a middle dose exceeds twice those at both ends."""
    response = DoseResponse.of(points, settings.input_gene)
    low, high = response.decades.amin(0), response.decades.amax(0)
    over = low[1:-1].amax(0) - torch.maximum(high[0], high[-1])
    return response.best(over - math.log10(2), response.always_rests)
