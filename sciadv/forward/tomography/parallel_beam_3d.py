"""Parallel-beam projections of a volume, turned about its depth axis and tilted."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from sciadv.arguments.memory import check_memory
from sciadv.arguments.values import as_reals
from sciadv.errors import InputError
from sciadv.forward.autodiff import apply_linear
from sciadv.forward.base import LinearForward
from sciadv.forward.tomography.radon import ParallelBeam, as_degrees
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Shape


class ParallelBeam3D(LinearForward):
    """Integrate a volume along parallel rays onto a flat detector, by Joseph's method.

    The volume's columns point right (first coordinate), its rows down (the second coordinate points up), its
    planes along the third coordinate; the origin is its centre. At angle a, without tilt, the rays are those
    of `ParallelBeam` in each plane: detector columns along ``(cos, sin, 0)(a)``, rays along
    ``(-sin, cos, 0)(a)``, detector rows along the planes. A tilt turns rays and detector rows about the
    detector's columns, as in laminography.

    Parameters
    ----------
    in_shape
        (channels, depth, height, width); every channel is projected alike.
    angles
        Any angles [degrees], at least one.
    n_angles
        Instead of `angles`: that many, spread evenly over 180 degrees.
    tilt
        Of the rays out of the planes [degrees], above -90 and below 90.
    n_rows, n_columns
        Detector pixels along each axis, as wide as the volume's and centred on the origin. If left out, the
        fewest that see the whole volume from everywhere.
    pixel_size
        Side of a voxel [any unit of length]; y is in (unit of x) * (unit of length).
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        The candidates are no volumes, no angles or both `angles` and `n_angles` are given, or the tilt is 90
        degrees or more.

    Notes
    -----
    A ray is sampled where it crosses the planes across its steepest axis, by bilinear interpolation. Nothing
    is kept but the angles: each call interpolates anew, ``depth * height * width`` operations an angle, and
    the adjoint is the exact transpose of the interpolation. Projections are (angles, rows, columns); ASTRA's
    `parallel3d` gives (rows, angles, columns).

    References
    ----------
    .. [1] P. M. Joseph. An improved algorithm for reprojecting rays through pixel images. IEEE Transactions
       on Medical Imaging 1 (1982) 192-196.

    Examples
    --------
    >>> import torch
    >>> A = ParallelBeam3D((1, 3, 5, 5), [0.0, 90.0], n_rows=3, n_columns=5)
    >>> A(torch.ones(1, 1, 3, 5, 5))[0, 0, 0, 1]
    tensor([5., 5., 5., 5., 5.])
    """

    kind = "parallel-beam-3d"

    rays: Tensor

    @checked
    def __init__(  # noqa: PLR0913  # what a scanner is
        self,
        in_shape: Shape,
        angles: npt.ArrayLike | Tensor | None = None,
        *,
        n_angles: Count | None = None,
        tilt: float = 0.0,
        n_rows: Count | None = None,
        n_columns: Count | None = None,
        pixel_size: Positive = 1.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if len(in_shape) != 4 or min(in_shape) < 1 or dtype.is_complex:
            raise InputError(
                f"ParallelBeam3D works on real volumes (channels, depth, height, width), but in_shape is "
                f"{in_shape} of {dtype}"
            )
        self.check_settings({"angles": angles, "n_angles": n_angles})
        if not abs(tilt) < 90:
            raise InputError(f"tilt is between -90 and 90 degrees, but it is {tilt:g}")
        channels, depth, height, width = in_shape
        n_views = as_reals(angles, "angles").size if n_angles is None else n_angles
        turned = math.radians(tilt)
        across = math.ceil(math.hypot(height, width))
        if n_columns is None:
            n_columns = across + (across - width) % 2
        if n_rows is None:
            n_rows = math.ceil(round(depth * math.cos(turned) + across * abs(math.sin(turned)), 9))
            n_rows += (n_rows - depth) % 2
        check_memory(
            8 * n_views * channels * n_rows * n_columns,
            f"the projections at {n_views} angles",
            "give fewer angles or detector pixels",
            device=device,
        )
        degrees = as_degrees(angles, n_angles, turn=180)
        super().__init__(in_shape, (channels, n_views, n_rows, n_columns), dtype=dtype, device=device)
        self.pixel_size = pixel_size
        rays = np.stack([_frame(angle, turned) for angle in np.deg2rad(degrees)])
        self.register_buffer("rays", torch.from_numpy(rays).to(device, dtype), persistent=False)

    @staticmethod
    def check_settings(settings: Mapping[str, object]) -> None:
        """Check that there are angles, in one way.

        Raises
        ------
        InputError
            There are none, or they are given in both ways.
        """
        ParallelBeam.check_settings(settings)

    def forward(
        self, x: Float[Tensor, "batch channels depth height width"]
    ) -> Float[Tensor, "batch channels angles rows columns"]:
        """Return the projections."""
        return apply_linear(self._project, self._back_project, x)

    def adjoint(
        self, y: Float[Tensor, "batch channels angles rows columns"]
    ) -> Float[Tensor, "batch channels depth height width"]:
        """Back-project, without a filter."""
        return apply_linear(self._back_project, self._project, y)

    def _project(self, x: Tensor) -> Tensor:
        images = x.flatten(0, 1)
        views = [self._view(images, i) for i in range(self.out_shape[1])]
        return torch.stack(views, 1).reshape(-1, *self.out_shape)

    def _back_project(self, y: Tensor) -> Tensor:
        views = y.flatten(0, 1)
        volume = y.new_zeros(len(views), *self.in_shape[1:])
        for i in range(self.out_shape[1]):
            volume += torch.func.vjp(lambda x, i=i: self._view(x, i), volume)[1](views[:, i])[0]
        return volume.reshape(-1, *self.in_shape)

    def _view(self, images: Tensor, i: int) -> Tensor:
        """Return the projections ``(images, rows, columns)`` of one angle."""
        columns, rows, ray = self.rays[i].unbind()
        main = int(ray.abs().argmax())  # 0: planes are image columns, 1: image rows, 2: the volume's planes
        planes = images.movedim((3, 2, 1)[main], 0)  # (planes, images, across, along)
        n_rows, n_columns = self.out_shape[2:]
        s = (torch.arange(n_columns).to(ray) - (n_columns - 1) / 2)[None, None, :, None]
        t = (torch.arange(n_rows).to(ray) - (n_rows - 1) / 2)[None, :, None, None]
        origin = s * columns + t * rows  # (1, rows, columns, 3)
        size = len(planes)
        level = (torch.arange(size).to(ray) - (size - 1) / 2)[:, None, None]
        level = -level if main == 1 else level  # rows go down
        place = origin + ((level - origin[..., main]) / ray[main])[..., None] * ray
        # grid_sample takes the last axis first, from -1 at one edge to 1 at the other; rows go down
        _, depth, height, width = self.in_shape
        extents = place.new_tensor([width, -height, depth])
        others = {0: [1, 2], 1: [0, 2], 2: [0, 1]}[main]
        grid = (2 * place / extents)[..., others]
        sampled = grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return sampled.sum(0) * (self.pixel_size / ray[main].abs())


def _frame(angle: float, tilt: float) -> npt.NDArray[np.float64]:
    """Return the directions of detector columns, detector rows and rays, each (right, up, depth)."""
    right = np.array([math.cos(angle), math.sin(angle), 0.0])
    level = np.array([-math.sin(angle), math.cos(angle), 0.0])
    depth = np.array([0.0, 0.0, 1.0])
    rows = math.cos(tilt) * depth - math.sin(tilt) * level
    ray = math.cos(tilt) * level + math.sin(tilt) * depth
    return np.stack([right, rows, ray])
