"""Beams of a plate: the densities of its elements to its compliance."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Annotated, Literal, final, get_args

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from sciadv.errors import InputError, MissingPackageError
from sciadv.files.formats.triangles import extruded, stl
from sciadv.files.formats.vtk_image import vtk_image
from sciadv.forward.base import NonlinearForward, expect_image
from sciadv.forward.design.quantity import Quantity, Variable, known_names
from sciadv.nets import SmoothField
from sciadv.nets.bounded.exact_mean import with_volume
from sciadv.physics.continuum.density_filter import cone_filter
from sciadv.physics.continuum.elasticity import Plate, cantilever, compliance, half_beam, modulus_of
from sciadv.physics.continuum.optimality_criteria import optimality_criteria
from sciadv.registry.checked import checked
from sciadv.types import Count, NotNegative, Positive, Shape, Share

#: Any text in Python, which the constructor answers; one of these in a file.
Support = Annotated[str, Literal["half-beam", "cantilever"]]
SUPPORTS: tuple[str, ...] = get_args(get_args(Support)[1])
Array = npt.NDArray[np.float64]


@final
class Beam(NonlinearForward):
    """Compliance of a loaded plate in plane stress, per image of its elements' densities in [0, 1].

    Elements have the modulus ``void + density^penalty (1 - void)`` and Poisson's ratio 0.3; side, load and
    thickness are 1, so that the compliance is in units of force squared over modulus. See
    `sciadv.physics.continuum.elasticity`.

    Parameters
    ----------
    in_shape
        ``(1, height, width)``; that of `height` and `width` where None.
    height, width
        Elements, where `in_shape` is None.
    support
        "half-beam", the right half of the MBB beam with the load on its upper edge, or "cantilever", clamped
        on the left and loaded on its right edge.
    load_position
        Of the load on its edge, from 0 to 1: from the middle of the beam, or from the top of the cantilever.
    volume
        Mean density to which every image is brought, exactly, by a shift of its logits; None to leave it.
    radius
        Of the filter that densities go through, in elements; 0 for none.
    penalty, void
        Of the modulus.
    n_waves
        Most half waves a side of the images of `generator`.
    properties
        What is predicted, in this order: names of `PROPERTIES`.
    dtype, device
        Of the images; the compliance itself is solved in double precision.

    Raises
    ------
    InputError
        The shape is not that of an image of one channel, the support is neither, or the volume is 0 or 1.
    UnknownNameError
        There is no such property.

    Examples
    --------
    >>> import torch
    >>> A = Beam(height=20, width=60, dtype=torch.float64)
    >>> round(float(A(torch.full((1, 1, 20, 60), 0.5, dtype=torch.float64))), 1)
    1007.0
    """

    kind = "beam"

    #: What can be predicted.
    PROPERTIES: tuple[Quantity, ...] = (
        Quantity("compliance", "", low=0.0),
        Quantity("volume_fraction", "", low=0.0, high=1.0),
    )
    costly = ("compliance",)
    LEAP = "none: properties of a beam change smoothly"
    n_library = 64
    #: Images come from a generator.
    variables: tuple[Variable, ...] = ()

    @checked
    def __init__(  # noqa: PLR0913  # the beam's numbers
        self,
        in_shape: Shape | None = None,
        *,
        height: Count = 20,
        width: Count = 60,
        support: Support = "half-beam",
        load_position: Share | None = None,
        volume: Share | None = None,
        radius: NotNegative = 0.0,
        penalty: Positive = 3.0,
        void: Positive = 1e-9,
        n_waves: Count = 8,
        properties: Annotated[Sequence[str], Field(min_length=1)] = ("compliance",),
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = (1, height, width) if in_shape is None else in_shape
        super().__init__(shape, (len(properties),), dtype=dtype, device=device)
        if expect_image(self.in_shape, "Beam")[0] != 1:
            raise InputError(f"densities have one channel, but in_shape is {in_shape}")
        if support not in SUPPORTS:
            raise InputError(f"support must be one of {SUPPORTS}, but it is {support!r}")
        if volume is not None and not 0 < volume < 1:
            raise InputError(f"volume must be between 0 and 1, but it is {volume}")
        if volume is not None:  # which every image has, up to rounding
            fixed = Quantity("volume_fraction", "", low=volume - 1e-9, high=volume + 1e-9)
            self.PROPERTIES = (self.PROPERTIES[0], fixed)
        self.properties = known_names("beam", self.PROPERTIES, properties)
        self.support = support
        self.volume = volume
        self.radius = float(radius)
        self.penalty = float(penalty)
        self.void = float(void)
        self.n_waves = n_waves
        make = half_beam if support == "half-beam" else cantilever
        at = (0.0 if support == "half-beam" else 0.5) if load_position is None else load_position
        self.load_position = float(at)
        self.plate: Plate = make(self.in_shape[1], self.in_shape[2], self.load_position)

    def forward(self, x: Tensor) -> Tensor:
        """Predict the properties ``(batch, properties)`` of images ``(batch, 1, height, width)``.

        NaN where a pixel is not finite.
        """
        is_known = x.isfinite().flatten(1).all(1)
        density = self.density(torch.where(is_known[:, None, None, None], x, 0.5))
        values = {"volume_fraction": density.mean((1, 2))}
        if "compliance" in self.properties:
            values["compliance"] = compliance(self._modulus(density), self.plate)
        stacked = torch.stack([values[name] for name in self.properties], 1)
        return torch.where(is_known[:, None], stacked, torch.nan)

    def density(self, x: Tensor) -> Tensor:
        """Return the densities that are built of images: filtered, and of the asked volume."""
        field = x[:, 0].clamp(0, 1)
        if self.radius > 0:
            field = cone_filter(field, self.radius)
        if self.volume is None:
            return field
        edge = 1e-6
        return with_volume(torch.logit(field.clamp(edge, 1 - edge)), self.volume)

    def _modulus(self, density: Tensor) -> Tensor:
        return modulus_of(density, penalty=self.penalty, void=self.void)

    def conditions(self) -> Tensor | None:
        """Return volume, radius of the filter and position of the load ``(1, 3)``; None without a volume."""
        if self.volume is None:
            return None
        return torch.tensor([[self.volume, self.radius, self.load_position]], dtype=self.dtype)

    def first_guess(self) -> Tensor:
        """Return the image of even density ``(1, 1, height, width)``, the start of the simple method."""
        return torch.full((1, *self.in_shape), self.volume or 0.5, dtype=self.dtype, device=self.device)

    def improved(self, x: Tensor, name: str, *, n_steps: int = 100) -> Tensor | None:
        """Return images like `x`, of the same volumes, that are stiffer, by the optimality criteria.

        Parameters
        ----------
        x
            Where to start ``(batch, 1, height, width)``.
        name
            The property that is to be smaller.
        n_steps
            Steps at most; an image is done where no density changes by more than 0.025.

        Returns
        -------
        Tensor or None
            None for other properties than the compliance.
        """
        if name != "compliance":
            return None
        field = x[:, 0].detach().to("cpu", torch.float64).clamp(0.02, 1.0)
        found = optimality_criteria(
            self.plate,
            self.density(field[:, None]).mean((1, 2)) if self.volume is None else self.volume,
            radius=max(self.radius, 1.0),  # a cone of radius 1 leaves a field as it is
            filtered="density",
            tolerance=0.025,
            multiplier_gap=1e-12,
            n_steps=n_steps,
            start=field,
            modulus=self._modulus,
        )
        return found.variables[:, None].to(x)

    def generator(self) -> SmoothField:
        """Return the untrained generator of images of a few half waves."""
        net = SmoothField(*self.in_shape[1:], n_waves=self.n_waves, is_periodic=False)
        return net.to(self.device, self.dtype)

    def with_properties(self, names: Sequence[str]) -> Beam:
        """Return the same beam with other predictions.

        Raises
        ------
        UnknownNameError
            There is no such property.
        """
        other = copy.deepcopy(self)
        other.properties = known_names("beam", self.PROPERTIES, names)
        other.out_shape = (len(names),)
        return other

    def regime(self, x: Tensor) -> Tensor:
        """Return 0 for every image ``(batch,)``: there is one regime."""
        return torch.zeros(len(x), dtype=torch.long)

    def verify(self, x: Tensor) -> dict[str, Tensor]:
        """Return the compliances of images by the package `scikit-fem`, assembled from the weak form.

        Raises
        ------
        MissingPackageError
            It is not installed.
        """
        density = self.density(x.detach().to("cpu", torch.float64))
        found = [compliance_by_skfem(one, self.plate) for one in self._modulus(density).numpy()]
        return {"compliance": torch.tensor(found, dtype=torch.float64)}

    def files(self, x: Tensor) -> dict[str, str | bytes]:
        """Return the densities of each design as a VTK file, and its solid, one element thick, as STL.

        The solid has the elements with the largest densities, as many as make its volume; 1 is the side of an
        element.
        """
        made: dict[str, str | bytes] = {}
        images = self.density(x.detach().to("cpu", torch.float64))
        for i, density in enumerate(images.numpy(), 1):
            name = f"beam-{i:03d}"
            n_filled = max(1, round(density.sum()))
            order = np.argsort(-density, axis=None, kind="stable")
            filled = np.zeros(density.shape, dtype=bool)
            filled.flat[order[:n_filled]] = True
            solid = extruded(filled, thickness=1.0)
            made[f"{name}.vtk"] = vtk_image(density, "density", title=f"{name} of {self!r}")
            made[f"{name}.stl"] = stl(solid, unit=1.0, words=f"{name}; 1 is the side of an element")
        return made

    def __repr__(self) -> str:
        """Show the support, the elements and the properties."""
        _, height, width = self.in_shape
        return f"Beam({self.support}, {height} x {width}: {', '.join(self.properties)})"


def compliance_by_skfem(modulus: Array, plate: Plate) -> float:
    """Return the compliance of a plate with one load by another finite element package.

    Parameters
    ----------
    modulus
        Young's modulus of the elements ``(height, width)``; Poisson's ratio is 0.3.
    plate
        How it is held and loaded.

    Raises
    ------
    MissingPackageError
        `scikit-fem` is not installed.
    """
    try:
        import skfem
        from skfem.helpers import ddot, eye, sym_grad, trace
    except ImportError as error:
        raise MissingPackageError(
            "beams are verified by the package scikit-fem; pip install 'sciadv[design]'"
        ) from error
    height, width = modulus.shape
    mesh = skfem.MeshQuad.init_tensor(np.arange(width + 1.0), np.arange(height + 1.0))
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementQuad1()))
    column, up = np.floor(mesh.p[:, mesh.t].mean(1)).astype(int)
    field = basis.with_element(skfem.ElementQuad0()).interpolate(modulus[height - 1 - up, column])
    nu = 0.3

    @skfem.BilinearForm  # type: ignore[untyped-decorator]  # scikit-fem ships no types
    def stiffness(u: object, v: object, w: dict[str, Array]) -> object:
        strain = sym_grad(u)
        stress = w["E"] / (1 - nu**2) * ((1 - nu) * strain + nu * eye(trace(strain), 2))
        return ddot(stress, sym_grad(v))

    matrix = stiffness.assemble(basis, E=field)
    corner = (height - mesh.p[1].round().astype(int), mesh.p[0].round().astype(int))
    force = np.zeros(basis.N)
    held = []
    for axis in range(2):
        numbers = basis.nodal_dofs[axis]
        force[numbers] = plate.load[0, :, :, axis].numpy()[corner]
        held.append(numbers[plate.fixed[:, :, axis].numpy()[corner]])
    u = skfem.solve(*skfem.condense(matrix, force, D=np.concatenate(held)))
    return float(force @ u)
