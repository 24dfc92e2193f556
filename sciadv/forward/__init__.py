"""Forward operators: what turns a candidate into predicted measurements."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from sciadv.errors import UnknownNameError
from sciadv.forward.adapters import as_forward
from sciadv.forward.adapters.exports import to_deepinv, to_dense, to_odl, to_pylops, to_scipy
from sciadv.forward.base import Forward, LinearForward, NonlinearForward, compose, scale
from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.forward.design.quantity import PropertyModel, Quantity
from sciadv.forward.design.texture import Texture
from sciadv.forward.imaging.block import BlockSum
from sciadv.forward.imaging.blur import Blur, GaussianBlur
from sciadv.forward.imaging.fourier import MaskedFourier, cartesian_mask
from sciadv.forward.imaging.magnitude import Magnitude
from sciadv.forward.imaging.mask import Mask
from sciadv.forward.imaging.pad import ZeroPad
from sciadv.forward.imaging.sensing import GaussianSensing
from sciadv.forward.matrix import Matrix
from sciadv.forward.stack import stack
from sciadv.forward.tomography.crosshole import CrossholeTravelTime, FaciesSlowness
from sciadv.forward.tomography.radon import ParallelBeam, filtered_back_projection
from sciadv.forward.waves.acoustic import AcousticCrosswell

__all__ = [
    "FORWARDS",
    "AcousticCrosswell",
    "BlockSum",
    "Blur",
    "CrossholeTravelTime",
    "FaciesSlowness",
    "Forward",
    "GaussianBlur",
    "GaussianSensing",
    "GeneCircuit",
    "LinearForward",
    "Magnitude",
    "Mask",
    "MaskedFourier",
    "Matrix",
    "NonlinearForward",
    "ParallelBeam",
    "PropertyModel",
    "Quantity",
    "Texture",
    "ZeroPad",
    "as_forward",
    "cartesian_mask",
    "compose",
    "filtered_back_projection",
    "forward_kind",
    "scale",
    "stack",
    "to_deepinv",
    "to_dense",
    "to_odl",
    "to_pylops",
    "to_scipy",
]

#: The operators a file can name by `kind`.
FORWARDS: dict[str, Callable[..., Forward]] = {
    "acoustic-crosswell": AcousticCrosswell,
    "block-sum": BlockSum,
    "blur": Blur,
    "crosshole": CrossholeTravelTime,
    "facies-slowness": FaciesSlowness,
    "gaussian": GaussianSensing,
    "gaussian-blur": GaussianBlur,
    "gene-circuit": GeneCircuit,
    "magnitude": Magnitude,
    "mask": Mask,
    "masked-fourier": MaskedFourier,
    "matrix": Matrix,
    "parallel-beam": ParallelBeam,
    "texture": Texture,
    "zero-pad": ZeroPad,
}


def forward_kind(name: str) -> Callable[..., Forward]:
    """Return the operator registered under a name: one of `FORWARDS`, or of an installed package.

    A package registers one by an entry point of the group ``sciadv.forward``; it is imported when asked for.

    Raises
    ------
    UnknownNameError
        Neither has this name.

    Examples
    --------
    >>> forward_kind("blur")
    <class 'sciadv.forward.imaging.blur.Blur'>
    """
    if name in FORWARDS:
        return FORWARDS[name]
    installed = {entry.name: entry for entry in entry_points(group="sciadv.forward")}
    if name not in installed:
        raise UnknownNameError("forward operator", name, [*FORWARDS, *installed])
    found: Callable[..., Forward] = installed[name].load()
    return found
