"""Operational amplifiers: the choice and the values of stages and branches to gain, speed and stability."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import NonlinearForward
from sciadv.forward.circuits.amplifier_slots import (
    COLUMNS,
    NODES,
    Ranges,
    canonical_slots,
    elements_of_slots,
    variables_of,
)
from sciadv.forward.circuits.verified_figures import figures_by_ngspice
from sciadv.forward.design.quantity import Quantity, box_of, known_names
from sciadv.physics.small_signal.elements import Elements, Kind, System, assemble
from sciadv.physics.small_signal.figures import Figures, Sweep, figures
from sciadv.physics.small_signal.netlist import GROUND, Component, Netlist
from sciadv.physics.small_signal.poles_and_zeros import closed, damping, finite_eigenvalues
from sciadv.physics.small_signal.spice_writer import to_spice
from sciadv.registry.checked import checked
from sciadv.types import NotNegative, Positive, Shape

#: Low and high end of a range.
Ends = tuple[Positive, Positive]
#: The first letter of an element's name in SPICE.
_LETTERS = {Kind.RESISTOR: "R", Kind.CAPACITOR: "C", Kind.TRANSCONDUCTANCE: "G"}


@final
class AnalogAmplifier(NonlinearForward):
    """Gain, bandwidth, unity-gain frequency, phase margin and stability of amplifiers of two or three stages.

    Circuits of different topologies in one batch by nodal analysis, see `sciadv.physics.small_signal`; the
    slots of a design, and what they may hold, are those of `sciadv.forward.circuits.amplifier_slots`. The
    output is open. Figures that an amplifier does not have, such as the unity-gain frequency of one that does
    not amplify, are NaN.

    Parameters
    ----------
    in_shape
        ``(23,)``: the variables.
    properties
        What is predicted, in this order: names of `PROPERTIES`.
    transconductance, resistance, capacitance
        Between which values amplifiers are designed [S], [ohm], [F].
    output_resistance, output_capacitance
        Of every transconductance [ohm], [F].
    scatter
        Standard deviation of every value as made, as a part of it.
    dtype, device
        Of the designs; circuits are solved in double precision.

    Raises
    ------
    InputError
        The shape is another one, or a range does not grow.
    UnknownNameError
        There is no such property.

    Examples
    --------
    Two inverting stages of 1 mS and 0.1 mS into 1 Mohm and 50 fF each:

    >>> A = AnalogAmplifier(properties=("gain", "total_transconductance"), dtype=torch.float64)
    >>> x = A.plain({"stage_1_gm": 1e-3, "stage_2_gm": 1e-4})
    >>> [round(float(value), 6) for value in A(x[None])[0]]
    [100.0, 0.0011]
    """

    kind = "analog-amplifier"

    #: What can be predicted.
    PROPERTIES: tuple[Quantity, ...] = (
        Quantity("gain", "dB"),
        Quantity("bandwidth", "Hz", low=0.0),  # at -3 dB
        Quantity("unity_gain_frequency", "Hz", low=0.0),
        Quantity("phase_margin", "deg"),
        Quantity("open_loop_damping", "", low=-1.0, high=1.0),
        Quantity("closed_loop_damping", "", low=-1.0, high=1.0),
        Quantity("instability", "", low=-1.0, high=1.0),
        Quantity("total_transconductance", "S", low=0.0),
        Quantity("figure_of_merit", ""),
    )
    LEAP = "another frequency at which the gain falls below 1"
    n_library = 8192

    @checked
    def __init__(  # noqa: PLR0913  # the ranges of the values
        self,
        in_shape: Shape = (COLUMNS.n,),
        *,
        properties: Annotated[Sequence[str], Field(min_length=1)] = (
            "gain",
            "unity_gain_frequency",
            "phase_margin",
        ),
        transconductance: Ends = (1e-4, 1.01e-2),
        resistance: Ends = (1e5, 1.01e7),
        capacitance: Ends = (1e-14, 1.01e-12),
        output_resistance: Positive = 1e6,
        output_capacitance: Positive = 5e-14,
        scatter: NotNegative = 0.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(in_shape, (len(properties),), dtype=dtype, device=device)
        if self.in_shape != (COLUMNS.n,):
            raise InputError(f"an amplifier has {COLUMNS.n} variables, but in_shape is {in_shape}")
        self.properties = known_names(
            "amplifier",
            self.PROPERTIES,
            properties,
        )
        self.ranges = Ranges(
            transconductance,
            resistance,
            capacitance,
            float(output_resistance),
            float(output_capacitance),
            float(scatter),
        )
        self.variables = variables_of(self.ranges)
        self.sweep = Sweep()

    def plain(self, values: Mapping[str, float | str]) -> Tensor:
        """Return a design ``(variables,)`` of named values and choices; the middle of the range of others.

        Branches, and the third stage, are not there unless they are named.

        Raises
        ------
        UnknownNameError
            There is no such variable or choice.
        """
        names = [one.name for one in self.variables]
        known_names("amplifier", [Quantity(name) for name in names], [*values] or names)
        x = self._middle().to(self.dtype)
        for one in self.variables:
            value = values.get(one.name)
            i = names.index(one.name)
            if isinstance(value, str):
                choices = [Quantity(choice) for choice in one.choices]
                x[i] = one.choices.index(known_names(one.name, choices, [value])[0])
            elif value is not None:
                x[i] = value
        return x

    def _middle(self) -> Tensor:
        """Return the middle of each range, and the first of the choices."""
        box = box_of(self)
        half = torch.full((1, COLUMNS.n), 0.5, dtype=torch.float64)
        is_choice = torch.tensor([bool(one.choices) for one in self.variables])
        return torch.where(is_choice, 0.0, box.from_unit(half)[0])

    def elements(self, x: Tensor) -> Elements:
        """Return the elements of designs ``(batch, variables)``, in double precision; node 1 is the input."""
        return elements_of_slots(x.double(), self.ranges)

    def system(self, x: Tensor) -> tuple[Elements, System, Tensor]:
        """Return the elements and the equations of designs, driven by 1 V, and the output's weights."""
        elements = self.elements(x)
        system = assemble(elements).driven(1)
        output = torch.zeros(
            system.source.shape[1],
            dtype=torch.float64,
            device=x.device,
        )
        output[NODES.index("out") - 1] = 1.0
        return elements, system, output

    def forward(self, x: Tensor) -> Tensor:
        """Predict the properties ``(batch, properties)`` of designs ``(batch, variables)``.

        NaN where a variable is not finite.
        """
        is_known = x.isfinite().all(1)[:, None]
        elements, system, output = self.system(torch.where(is_known, x, self._middle().to(x)))
        is_active = elements.kind == Kind.TRANSCONDUCTANCE
        total = torch.where(is_active, elements.value.abs(), 0.0).sum(1)
        values = {"total_transconductance": total}
        wanted = set(self.properties)
        if wanted & {"open_loop_damping", "closed_loop_damping", "instability"}:
            values |= _stability(system, output)
        if wanted - set(values):
            values |= _named(figures(system, output, self.sweep))
        found = torch.stack([values[name] for name in self.properties], 1).to(x.dtype)
        return torch.where(is_known, found, torch.nan)

    def canonical(self, x: Tensor) -> Tensor:
        """Return the same design of all that have the same elements ``(batch, variables)``."""
        return canonical_slots(x, self._middle().to(x))

    def netlists(self, x: Tensor) -> list[Netlist]:
        """Return the circuits of designs, with a source of 1 V at the node "in"; the output is "out"."""
        elements = self.elements(x.detach().to("cpu"))
        return [_netlist(elements, i) for i in range(len(x))]

    def files(self, x: Tensor) -> dict[str, str]:
        """Return a netlist of SPICE for each design, by its file's name."""
        sweep = f".ac dec 20 {self.sweep.lowest:g} {self.sweep.highest:g}"
        return {f"design-{i:03d}.cir": to_spice(one, (sweep,)) for i, one in enumerate(self.netlists(x), 1)}

    def verify(self, x: Tensor) -> dict[str, Tensor]:
        """Return the figures of designs by ngspice, from the netlists that `files` writes.

        Raises
        ------
        MissingPackageError
            ngspice is not installed.
        """
        found = figures_by_ngspice(list(self.files(x).values()), self.sweep)
        return _named(found)

    def with_properties(self, names: Sequence[str]) -> AnalogAmplifier:
        """Return the same amplifiers with other predictions.

        Raises
        ------
        UnknownNameError
            There is no such property.
        """
        other = copy.deepcopy(self)
        other.properties = known_names("amplifier", self.PROPERTIES, names)
        other.out_shape = (len(names),)
        return other

    def regime(self, x: Tensor) -> Tensor:
        """Return 0 for every design ``(batch,)``: a frequency that leaps is found by its value alone."""
        return torch.zeros(len(x), dtype=torch.long)

    def __repr__(self) -> str:
        """Show the properties."""
        return f"AnalogAmplifier({', '.join(self.properties)})"


def _named(found: Figures) -> dict[str, Tensor]:
    """Return figures in the units of the properties, and the benchmark's figure of merit.

    ``1.2 |gain| / 100 dB + 10 f / 1 GHz``, without the benchmark's term of the phase, which takes a lag for
    good.
    """
    decibels = 20 * found.gain.abs().log10()
    degrees = found.phase_margin * (180 / math.pi)
    f = found.unity_gain_frequency
    return {
        "gain": decibels,
        "bandwidth": found.bandwidth,
        "unity_gain_frequency": f,
        "phase_margin": degrees,
        "figure_of_merit": 1.2 * decibels.abs() / 100 + 10 * f / 1e9,
    }


def _stability(system: System, output: Tensor) -> dict[str, Tensor]:
    """Return how well the poles are damped, open and with all of the output fed back."""
    dc = torch.linalg.solve_ex(system.conductance, system.source)[0] @ output
    loop = closed(system, output, -dc.sign().neg())
    found = [
        damping(finite_eigenvalues(one.conductance.detach(), one.susceptance.detach()))
        for one in (system, loop)
    ]
    nothing = 0 * system.conductance.sum((1, 2))  # so that derivatives are there, and 0
    return {
        "open_loop_damping": found[0] + nothing,
        "closed_loop_damping": found[1] + nothing,
        "instability": -torch.minimum(*found) + nothing,
    }


def _netlist(elements: Elements, row: int) -> Netlist:
    """Return the circuit of one row, its nodes by their names."""
    names = (GROUND, *NODES)
    found = [Component("V1", Kind.VOLTAGE_SOURCE, ("in", GROUND), 1.0)]
    kinds, nodes = elements.kind[row].tolist(), elements.nodes[row].tolist()
    for kind, ends, value in zip(kinds, nodes, elements.value[row].tolist(), strict=True):
        if kind == Kind.NONE:
            continue
        what = Kind(kind)
        used = ends if what == Kind.TRANSCONDUCTANCE else ends[:2]
        name = f"{_LETTERS[what]}{len(found)}"
        found.append(Component(name, what, tuple(names[end] for end in used), value))
    return Netlist("amplifier: the source is at in, the output is out", tuple(found))
