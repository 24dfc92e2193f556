"""Thermal noise of linear circuits at their output, by one adjoint solution a frequency.

References
----------
Rohrer, Nagel, Meyer and Weber, Computationally efficient electronic-circuit noise calculations, IEEE J.
Solid-State Circuits 6, 1971, 204-213.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.physics.small_signal.adjoint_solution import matrices
from sciadv.physics.small_signal.elements import Elements, Kind, System


def output_noise(
    elements: Elements,
    system: System,
    output: Tensor,
    s: Tensor,
    *,
    temperature: float = 300.15,
    gamma: float = 0.0,
) -> Tensor:
    """Return the spectral density of the noise at the output [V^2/Hz] ``(batch, frequencies)``.

    Resistors have the density of current ``4 k T / R``, transconductances ``4 k T gamma |gm|``.

    Parameters
    ----------
    elements, system
        The circuits, and their equations as `assemble` gives them.
    output
        Weights of the unknowns ``(batch, unknowns)`` or ``(unknowns,)``.
    s
        ``(frequencies,)`` [rad/s].
    temperature
        [K]; 27 degrees Celsius, as SPICE has it.
    gamma
        Of transconductances: 2/3 for a long-channel transistor in saturation, 0 for none.

    Examples
    --------
    A resistor across a capacitor has ``k T / C``, whatever the resistance:

    >>> from sciadv.physics.small_signal.elements import assemble
    >>> kind = torch.tensor([[Kind.RESISTOR, Kind.CAPACITOR]])
    >>> both = torch.tensor([[[1, 0, 0, 0], [1, 0, 0, 0]]])
    >>> value = torch.tensor([[1e3, 1e-12]], dtype=torch.float64)
    >>> circuit = Elements(kind, both, value, n_nodes=1)
    >>> f = torch.logspace(0, 13, 4001, dtype=torch.float64)
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> density = output_noise(circuit, assemble(circuit), one, 2j * torch.pi * f)
    >>> round(1e9 * float(integrated(density, f)), 3)  # k T / C at 300.15 K [1e-9 V^2]
    4.144
    """
    boltzmann = 1.380649e-23
    at = s[None]
    G, C = system.conductance, system.susceptance
    adjoint = matrices(G, C, at.to(torch.complex128)).mT
    right = output.to(adjoint).expand(len(G), -1)[:, None, :, None].expand(-1, len(s), -1, -1)
    to_output = torch.linalg.solve_ex(adjoint, right)[0][..., 0]
    nodes = elements.n_nodes
    ground = torch.zeros_like(to_output[:, :, :1])
    impedance = torch.cat([ground, to_output[:, :, :nodes]], 2)
    ends = elements.nodes[:, None].expand(-1, len(s), -1, -1)
    across = impedance.gather(2, ends[..., 0]) - impedance.gather(2, ends[..., 1])
    is_resistor = elements.kind == Kind.RESISTOR
    source = torch.where(is_resistor, 1 / torch.where(is_resistor, elements.value, 1.0), 0.0)
    active = torch.where(elements.kind == Kind.TRANSCONDUCTANCE, elements.value.abs(), 0.0)
    density = 4 * boltzmann * temperature * (source + gamma * active)
    return (across.abs().square() * density[:, None]).sum(2)


def integrated(density: Tensor, frequency: Tensor) -> Tensor:
    """Return the integral of densities over frequencies ``(batch,)``, exact for powers of the frequency.

    Parameters
    ----------
    density
        ``(batch, frequencies)``, > 0.
    frequency
        [Hz], growing.

    Notes
    -----
    Between two frequencies the density is taken as ``a f^k``, as SPICE does.
    """
    ratio = (frequency[1:] / frequency[:-1]).log()
    power = (density[:, 1:] / density[:, :-1]).log() / ratio + 1
    safe = torch.where(power.abs() < 1e-8, 1.0, power)
    grown = torch.where(power.abs() < 1e-8, ratio, torch.expm1(safe * ratio) / safe)
    return (density[:, :-1] * frequency[:-1] * grown).sum(1)
