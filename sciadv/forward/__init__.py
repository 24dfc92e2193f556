"""Forward operators: what turns a candidate into predicted measurements."""

from __future__ import annotations

from collections.abc import Callable

from sciadv.forward.adapters import as_forward
from sciadv.forward.adapters.exports import to_deepinv, to_dense, to_odl, to_pylops, to_scipy
from sciadv.forward.base import Forward, LinearForward, NonlinearForward, compose, scale
from sciadv.forward.circuits.analog_amplifier import AnalogAmplifier
from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.forward.design.beam import Beam
from sciadv.forward.design.coating import Coating
from sciadv.forward.design.harmonic_texture import HarmonicTexture
from sciadv.forward.design.microstructure import Microstructure
from sciadv.forward.design.quantity import PropertyModel, Quantity, Variable
from sciadv.forward.design.texture import Texture
from sciadv.forward.flow.navier_stokes import NavierStokesVorticity
from sciadv.forward.imaging.block import BlockSum
from sciadv.forward.imaging.blur import Blur, GaussianBlur
from sciadv.forward.imaging.coils import (
    CoilSensitivities,
    MultiCoilFourier,
    birdcage_sensitivities,
    low_resolution_sensitivities,
)
from sciadv.forward.imaging.fourier import MaskedFourier, cartesian_mask
from sciadv.forward.imaging.gridded import GriddedFourier
from sciadv.forward.imaging.interferometry import ClosureQuantities, Visibilities, closure_sets
from sciadv.forward.imaging.magnitude import Magnitude
from sciadv.forward.imaging.mask import Mask
from sciadv.forward.imaging.nonuniform import NonuniformFourier
from sciadv.forward.imaging.pad import ZeroPad
from sciadv.forward.imaging.sensing import GaussianSensing
from sciadv.forward.matrix import Matrix
from sciadv.forward.stack import stack
from sciadv.forward.tomography.crosshole import CrossholeTravelTime, FaciesSlowness
from sciadv.forward.tomography.fan_beam import FanBeam
from sciadv.forward.tomography.parallel_beam_3d import ParallelBeam3D
from sciadv.forward.tomography.radon import ParallelBeam, filtered_back_projection
from sciadv.forward.tomography.transmission import Transmission
from sciadv.forward.waves.acoustic import AcousticCrosswell
from sciadv.forward.waves.born_scattering import BornScattering
from sciadv.registry.registry import Registry
from sciadv.registry.settings import parameters_of

__all__ = [
    "FORWARDS",
    "AcousticCrosswell",
    "AnalogAmplifier",
    "Beam",
    "BlockSum",
    "Blur",
    "BornScattering",
    "ClosureQuantities",
    "Coating",
    "CoilSensitivities",
    "CrossholeTravelTime",
    "FaciesSlowness",
    "FanBeam",
    "Forward",
    "GaussianBlur",
    "GaussianSensing",
    "GeneCircuit",
    "GriddedFourier",
    "HarmonicTexture",
    "LinearForward",
    "Magnitude",
    "Mask",
    "MaskedFourier",
    "Matrix",
    "Microstructure",
    "MultiCoilFourier",
    "NavierStokesVorticity",
    "NonlinearForward",
    "NonuniformFourier",
    "ParallelBeam",
    "ParallelBeam3D",
    "PropertyModel",
    "Quantity",
    "Texture",
    "Transmission",
    "Variable",
    "Visibilities",
    "ZeroPad",
    "as_forward",
    "birdcage_sensitivities",
    "cartesian_mask",
    "closure_sets",
    "compose",
    "filtered_back_projection",
    "forward_kind",
    "inner_argument",
    "low_resolution_sensitivities",
    "scale",
    "stack",
    "to_deepinv",
    "to_dense",
    "to_odl",
    "to_pylops",
    "to_scipy",
]

#: The operators that a file can name by `kind`.
FORWARDS: Registry[Callable[..., Forward]] = Registry("forward operator", "sciadv.forward")


def forward_kind(name: str) -> Callable[..., Forward]:
    """Return the operator registered under a name, of this package or of another one.

    Raises
    ------
    UnknownNameError
        Neither has this name.

    Examples
    --------
    >>> forward_kind("blur")
    <class 'sciadv.forward.imaging.blur.Blur'>
    """
    return FORWARDS.find(name)


def inner_argument(part: Callable[..., Forward]) -> str | None:
    """Return which argument of an operator is the operator that it acts on, as that of `Magnitude` is.

    Examples
    --------
    >>> inner_argument(Magnitude), inner_argument(Blur)
    ('linear', None)
    """
    for name, parameter in parameters_of(part).items():
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Forward):
            return name
    return None
