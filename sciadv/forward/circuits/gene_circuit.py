"""What a circuit does, as a forward operator with gradients: oscillate, switch, or settle.

The screen is that of linear stability: eigenvalues of the Jacobian at the steady states, at the circuit's
own parameters and at others near them. It is quick and differentiable; what is reported about designs is
measured on trajectories instead, in `sciadv.domains.gene_circuits.behaviours`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, final, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward.base import NonlinearForward
from sciadv.forward.circuits.parameter_sets import perturbed, sobol_places, without_kinetics
from sciadv.forward.circuits.screens.dose_screens import (
    band_pass_margin,
    switching_margin,
    ultrasensitivity_margin,
)
from sciadv.forward.circuits.screens.state_screens import (
    bistability_margin,
    multistability_margin,
    oscillation_margin,
    stability_margin,
)
from sciadv.forward.circuits.screens.steady_points import ScreenSettings, SteadyPoints
from sciadv.forward.circuits.screens.step_screens import adaptation_margin, pulse_margin
from sciadv.nets.graph import CHANNELS, N_EDGE, N_GENE
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import unpack
from sciadv.registry.checked import checked
from sciadv.types import Count, NotNegative, Positive, Seed, Share, Whole

#: Any text in Python, which the constructor answers; one of these in a file.
Behaviour = Annotated[
    str,
    Literal[
        "oscillation",
        "bistability",
        "multistability",
        "stability",
        "switching",
        "adaptation",
        "pulse",
        "ultrasensitivity",
        "band-pass",
    ],
]
BEHAVIOURS: tuple[str, ...] = get_args(get_args(Behaviour)[1])
#: The margin of each behaviour, of steady states and settings.
SCREENS: dict[str, Callable[[SteadyPoints, ScreenSettings], Tensor]] = {
    "oscillation": oscillation_margin,
    "bistability": bistability_margin,
    "multistability": multistability_margin,
    "stability": stability_margin,
    "switching": switching_margin,
    "adaptation": adaptation_margin,
    "pulse": pulse_margin,
    "ultrasensitivity": ultrasensitivity_margin,
    "band-pass": band_pass_margin,
}


@final
class GeneCircuit(NonlinearForward):
    """Score circuits ``(7, genes, genes)`` at several parameter sets: above 0 shows the behaviour.

    The score of a set is ``tanh(m / growth_scale)`` of a margin m, mostly a growth rate in mean degradation
    rates:

    - oscillation: the least growth of an oscillating eigenvalue over the steady states found. If all of them
      are unstable the circuit, whose levels are bounded, cannot come to rest.
    - bistability: the distance of two stable steady states in decades, where exactly two are found, less
      where one of them is rare; with one, the largest growth of a real eigenvalue, which comes to 0 where it
      splits into two; with more, the growth of the third, which comes to 0 where it is lost.
    - multistability: the same, with two or more.
    - stability: minus the largest growth of any eigenvalue.
    - switching, ultrasensitivity, band-pass: the shape of the steady states over doses of an inducer.
    - adaptation, pulse: the shape of the linear response to a step of an inducer.

    The first set is the circuit's own parameters, the next lie within `spread` around them, and the last
    `n_anywhere` anywhere in the ranges, whatever the circuit's own are: these scores are the topology's.

    Parameters
    ----------
    in_shape
        ``(7, genes, genes)``.
    behaviour
        One of `BEHAVIOURS`.
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
    period
        Period that an oscillation is wanted to have [time], met within a tenth; None for any.
    input_gene
        Gene that is induced in screens of a dose response, counted from 0.
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
        period: Positive | None = None,
        input_gene: Whole = 0,
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
        if period is not None and behaviour != "oscillation":
            raise InputError(
                f"period = {period:g} contradicts behaviour = {behaviour!r}, which has no period; leave one "
                f"out"
            )
        if not 0 <= input_gene < in_shape[1]:
            raise InputError(f"input_gene must be in 0 to {in_shape[1] - 1}, but it is {input_gene}")
        if n_sets < 1 or n_anywhere < 0 or not 0 <= spread <= 1:
            raise InputError(
                f"expected n_sets >= 1, spread in [0, 1] and n_anywhere >= 0, but got {n_sets}, {spread} and "
                f"{n_anywhere}"
            )
        super().__init__(in_shape, (n_sets + n_anywhere,), dtype=dtype, device=device)
        self.behaviour = behaviour
        self.spread = spread
        self.growth_scale = growth_scale
        self.settings = ScreenSettings(shortfall, resolution, period, input_gene)
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
        points = SteadyPoints.of(unpack(x, self.model), self.starts)
        return SCREENS[self.behaviour](points, self.settings)
