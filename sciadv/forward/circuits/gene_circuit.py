"""What a circuit does, as a forward operator with gradients: oscillate, switch, or settle.

The screen is that of linear stability: eigenvalues of the Jacobian at the steady states, at the circuit's
own parameters and at others near them. It is quick and differentiable; what is reported about designs is
measured on trajectories instead, in `sciadv.domains.gene_circuits.behaviours`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, final, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward.base import NonlinearForward
from sciadv.forward.circuits.parameter_sets import perturbed, sobol_places, without_kinetics
from sciadv.nets.graph import CHANNELS, N_EDGE, N_GENE
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import unpack
from sciadv.physics.regulation.steady import Relative, Spectrum, differentiable, jacobians, steady_states
from sciadv.registry.checked import checked
from sciadv.types import Count, NotNegative, Positive, Seed, Share, Whole

#: Any text in Python, which the constructor answers; one of these in a file.
Behaviour = Annotated[str, Literal["oscillation", "bistability", "stability"]]
BEHAVIOURS: tuple[str, ...] = get_args(get_args(Behaviour)[1])


@final
class GeneCircuit(NonlinearForward):
    """Score circuits ``(7, genes, genes)`` at several parameter sets: above 0 shows the behaviour.

    The score of a set is ``tanh(m / growth_scale)`` of a margin m, mostly a growth rate in mean degradation
    rates:

    - oscillation: the least growth of an oscillating eigenvalue over the steady states found. If all of them
      are unstable the circuit, whose levels are bounded, cannot come to rest.
    - bistability: the distance of two stable steady states in decades, where two are found; else the largest
      growth of a real eigenvalue, which comes to 0 where one state splits into two.
    - stability: minus the largest growth of any eigenvalue.

    The first set is the circuit's own parameters, the next lie within `spread` around them, and the last
    `n_anywhere` anywhere in the ranges, whatever the circuit's own are: these scores are the topology's.

    Parameters
    ----------
    in_shape
        ``(7, genes, genes)``.
    behaviour
        "oscillation", "bistability" or "stability".
    n_sets
        Parameter sets: its own, and others near them.
    spread
        Largest shift of a parameter, as a part of its range, in [0, 1].
    n_anywhere
        Further parameter sets, uniform over the ranges.
    seed
        Seed of the sets.
    growth_scale
        Margin at which a score is tanh(1) [mean degradation rates].
    shortfall
        What a steady state without any oscillating eigenvalue is short of one [mean degradation rates].
    n_starts
        Starts of the search for steady states.
    resolution
        Steady states nearer than this are the same [decades].
    model
        A `CircuitModel`, or a table of its settings: promoter logic, mRNA, ranges.
    dtype, device
        Of the circuits.

    Raises
    ------
    UnknownNameError
        There is no such behaviour.
    InputError
        The shape is not that of circuits, or `n_sets`, `spread` or `n_anywhere` is out of range.

    Notes
    -----
    A screen: steady states are looked for from `n_starts` starts, so that one may be missed.

    Examples
    --------
    >>> GeneCircuit((7, 3, 3), "oscillation", n_sets=4, n_anywhere=8).out_shape
    (12,)
    """

    kind = "gene-circuit"

    shifts: Tensor
    places: Tensor
    starts: Tensor

    @checked
    def __init__(  # noqa: PLR0913  # which parameter sets
        self,
        in_shape: tuple[int, ...],
        behaviour: Behaviour,
        *,
        n_sets: Count = 8,
        spread: Share = 0.2,
        n_anywhere: Whole = 0,
        seed: Seed = 0,
        growth_scale: Positive = 0.3,
        shortfall: NotNegative = 1.0,
        n_starts: Count = 4,
        resolution: NotNegative = 0.05,
        model: object = RACIPE,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if len(in_shape) != 3 or in_shape[0] != len(CHANNELS) or in_shape[1] != in_shape[2]:
            raise InputError(
                f"gene circuits have shape ({len(CHANNELS)}, genes, genes), but in_shape is "
                f"{tuple(in_shape)}; is the prior one of circuits?"
            )
        if behaviour not in BEHAVIOURS:
            raise UnknownNameError("behaviour", behaviour, BEHAVIOURS)
        if n_sets < 1 or n_anywhere < 0 or not 0 <= spread <= 1:
            raise InputError(
                f"expected n_sets >= 1, spread in [0, 1] and n_anywhere >= 0, but got {n_sets}, {spread} and "
                f"{n_anywhere}"
            )
        super().__init__(in_shape, (n_sets + n_anywhere,), dtype=dtype, device=device)
        self.behaviour = behaviour
        self.spread = spread
        self.growth_scale = growth_scale
        self.shortfall = shortfall
        self.resolution = resolution
        self.model = CircuitModel.of(model)
        shape = (N_EDGE + N_GENE, *in_shape[1:])
        shifts = 2 * spread * sobol_places(n_sets, shape, seed=seed)
        shifts[0] = 0
        places = sobol_places(n_anywhere, shape, seed=seed + 1)
        starts = 10 ** (sobol_places(n_starts, in_shape[1:2], seed=seed) - 1)
        self.register_buffer("shifts", shifts.to(device, dtype), persistent=False)
        self.register_buffer("places", places.to(device, dtype), persistent=False)
        self.register_buffer("starts", starts.to(device, dtype), persistent=False)

    def forward(self, x: Float[Tensor, "batch 7 genes genes"]) -> Float[Tensor, "batch sets"]:
        """Return the scores."""
        near = perturbed(x, self.shifts)
        anywhere = perturbed(without_kinetics(x), self.places)
        scores = (self.margins(torch.cat([near, anywhere]).flatten(0, 1)) / self.growth_scale).tanh()
        return scores.reshape(self.out_shape[0], len(x)).T

    def margins(self, x: Float[Tensor, "batch 7 genes genes"]) -> Float[Tensor, " batch"]:
        """Return the margins m of circuits at their own parameters."""
        kinetics = unpack(x, self.model)
        equations = Relative.of(kinetics)
        found, solved = steady_states(equations, self.starts)
        states = differentiable(equations, found)
        mean = (kinetics.degradation * kinetics.presence).sum(1) / kinetics.presence.sum(1).clamp_min(1)
        mean = torch.where(mean > 0, mean, 1)  # no gene at all
        matrix = jacobians(equations, states) / mean[:, None, None]
        spectrum = Spectrum.of(matrix)
        rest = Rest(states, solved, matrix, spectrum, self.shortfall, self.resolution)
        return _margin(self.behaviour, rest)


@dataclass(frozen=True)
class Rest:
    """The steady states found: relative levels ``(starts, batch, genes)``, their Jacobians and spectra.

    `shortfall` and `resolution` are those of `GeneCircuit`.
    """

    states: Tensor
    solved: Tensor
    matrix: Tensor
    spectrum: Spectrum
    shortfall: float
    resolution: float

    def leading(self, which: Tensor) -> Tensor:
        """Return the largest real part among some eigenvalues ``(starts, batch)``, -inf without any."""
        largest, index = self.spectrum.values.real.masked_fill(~which, -torch.inf).max(-1)
        return torch.where(largest.isfinite(), self.spectrum.real_part(self.matrix, index), largest)

    def extreme(self, growth: Tensor, *, is_least: bool) -> Tensor:
        """Return the least or the largest growth over the states found; -1 where there is none."""
        usable = self.solved & growth.isfinite()
        filled = torch.where(usable, growth, torch.inf if is_least else -torch.inf)
        chosen = filled.amin(0) if is_least else filled.amax(0)
        return torch.where(usable.any(0), chosen, -1.0)


def _oscillation(rest: Rest) -> Tensor:
    oscillating = rest.spectrum.is_oscillating
    pair = rest.leading(oscillating)
    single = rest.leading(~oscillating)
    growth = torch.where(pair.isfinite(), pair, single.clamp_max(0) - rest.shortfall)
    growth = torch.where(single > 0, -single, growth)  # a saddle: rest is somewhere else
    return rest.extreme(growth, is_least=True)


def _bistability(rest: Rest) -> Tensor:
    single = rest.leading(~rest.spectrum.is_oscillating)
    stable = rest.solved & (rest.spectrum.values.real < 0).all(-1)
    decades = rest.states.log10()
    high = decades.masked_fill(~stable[..., None], -torch.inf).amax(0)
    low = decades.masked_fill(~stable[..., None], torch.inf).amin(0)
    apart = (high - low).amax(-1)
    return torch.where(apart > rest.resolution, apart, rest.extreme(single, is_least=False))


def _stability(rest: Rest) -> Tensor:
    everything = torch.ones_like(rest.spectrum.is_oscillating)
    return rest.extreme(-rest.leading(everything), is_least=True)


def _margin(behaviour: str, rest: Rest) -> Tensor:
    """Return the margins of circuits for a behaviour."""
    if behaviour == "oscillation":
        return _oscillation(rest)
    return _bistability(rest) if behaviour == "bistability" else _stability(rest)
