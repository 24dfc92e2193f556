"""Fan-beam X-ray tomography: rays from a point source to a flat detector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.arguments.memory import check_memory
from sciadv.arguments.values import as_reals
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, expect_image
from sciadv.forward.matrix import SparseMatrix
from sciadv.forward.tomography.radon import ParallelBeam, as_degrees
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Shape

FloatArray = npt.NDArray[Any]


class FanBeam(LinearForward):
    """Integrate an image along the rays of a fan, from a point source to the pixels of a flat detector.

    At angle a the rays' middle one has the direction ``d = (-sin, cos)(a)`` and the detector the axis
    ``e = (cos, sin)(a)``, as in `ParallelBeam`: the source is at ``-source_distance d``, the detector's
    centre at ``detector_distance d``. With a far source it is `ParallelBeam`.

    Parameters
    ----------
    in_shape
        (channels, height, width); every channel is projected alike.
    angles
        Any angles [degrees], at least one.
    n_angles
        Instead of `angles`: that many, spread evenly over 360 degrees.
    n_detectors
        Detector pixels, centred on the middle ray. If left out, the fewest that see the whole image from
        everywhere.
    source_distance
        From the source to the image's centre [unit of length]; outside of the image. Twice the image's
        diagonal if left out.
    detector_distance
        From the image's centre to the detector [unit of length]; as the source's if left out.
    detector_pixel
        Width of a detector pixel [unit of length]; that which is seen as one image pixel at the image's
        centre if left out.
    pixel_size
        Side of an image pixel [any unit of length]; y is in (unit of x) * (unit of length).
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        No angles, both `angles` and `n_angles`, or source or detector are within the image.

    Notes
    -----
    Joseph's method, the weights in a sparse matrix, as in `ParallelBeam`; the adjoint is its transpose.
    Sinograms are (angles, detectors), as those of ASTRA's `fanflat`.

    References
    ----------
    .. [1] P. M. Joseph. An improved algorithm for reprojecting rays through pixel images. IEEE Transactions
       on Medical Imaging 1 (1982) 192-196.

    Examples
    --------
    >>> import torch
    >>> A = FanBeam((1, 5, 5), [0.0, 90.0], n_detectors=5)
    >>> A(torch.ones(1, 1, 5, 5)).shape
    torch.Size([1, 1, 2, 5])
    """

    kind = "fan-beam"

    @checked
    def __init__(  # noqa: PLR0913  # what a scanner is
        self,
        in_shape: Shape,
        angles: npt.ArrayLike | Tensor | None = None,
        n_detectors: Count | None = None,
        *,
        n_angles: Count | None = None,
        source_distance: Positive | None = None,
        detector_distance: Positive | None = None,
        detector_pixel: Positive | None = None,
        pixel_size: Positive = 1.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, height, width = expect_image(in_shape, "FanBeam")
        self.check_settings({"angles": angles, "n_angles": n_angles})
        n_views = as_reals(angles, "angles").size if n_angles is None else n_angles
        half = pixel_size * math.hypot(height, width) / 2
        to_source = 4 * half if source_distance is None else source_distance
        to_detector = to_source if detector_distance is None else detector_distance
        if min(to_source, to_detector) <= half:
            raise InputError(
                f"source and detector are outside of the image, whose corners are at {half:.3g} from its "
                f"centre, but they are at {to_source:.3g} and {to_detector:.3g}"
            )
        magnification = (to_source + to_detector) / to_source
        spacing = pixel_size * magnification if detector_pixel is None else detector_pixel
        if n_detectors is None:
            # the fan that touches the circle around the image, at the detector
            reach = (to_source + to_detector) * half / math.sqrt(to_source**2 - half**2)
            n_detectors = math.ceil(2 * reach / spacing)
        check_memory(
            32 * n_views * n_detectors * max(height, width),  # as in ParallelBeam
            f"the rays of {n_views} angles",
            "give fewer angles or detectors",
            device=device,
        )
        degrees = as_degrees(angles, n_angles, turn=360)
        super().__init__(in_shape, (channels, n_views, n_detectors), dtype=dtype, device=device)
        along: FloatArray = (np.arange(n_detectors) - (n_detectors - 1) / 2) * spacing
        rays = [_fan(angle, along, to_source, to_detector) for angle in np.deg2rad(degrees)]
        starts = np.concatenate([start for start, _ in rays]) / pixel_size
        ends = np.concatenate([end for _, end in rays]) / pixel_size
        weights = ray_matrix(starts, ends, (height, width)) * pixel_size
        self.product = SparseMatrix(weights, dtype=dtype, device=device)

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
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels angles detectors"]:
        """Return the sinograms."""
        y: Tensor = self.product(x.reshape(-1, x.shape[2] * x.shape[3]))
        return y.reshape(-1, *self.out_shape)

    def adjoint(
        self, y: Float[Tensor, "batch channels angles detectors"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Back-project, without a filter or weights."""
        return self.product.adjoint(y.reshape(-1, y.shape[2] * y.shape[3])).reshape(-1, *self.in_shape)


def _fan(
    angle: float, along: FloatArray, to_source: float, to_detector: float
) -> tuple[FloatArray, FloatArray]:
    """Return where the rays of one angle start and end, ``(detectors, 2)`` each."""
    axis = np.array([math.cos(angle), math.sin(angle)])
    middle = np.array([-math.sin(angle), math.cos(angle)])
    ends = to_detector * middle + along[:, None] * axis
    return np.broadcast_to(-to_source * middle, ends.shape), ends


def ray_matrix(starts: FloatArray, ends: FloatArray, shape: tuple[int, int]) -> Any:
    """Return the weights ``(rays, pixels)`` of rays through an image of pixels of side 1, by Joseph's method.

    Parameters
    ----------
    starts, ends
        Points outside of the image, right and up from its centre ``(rays, 2)``.
    shape
        (height, width).
    """
    from scipy.sparse import coo_array

    way = ends - starts
    is_steep = np.abs(way[:, 1]) >= np.abs(way[:, 0])
    parts = [
        *_crossings(starts, way, np.flatnonzero(is_steep), shape, along=1),
        *_crossings(starts, way, np.flatnonzero(~is_steep), shape, along=0),
    ]
    rays, pixels, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    places = rays.astype(np.int32), pixels.astype(np.int32)
    return coo_array((weights, places), shape=(len(starts), math.prod(shape))).tocsr()


def _crossings(
    starts: FloatArray, way: FloatArray, rays: npt.NDArray[np.int64], shape: tuple[int, int], *, along: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]]:
    """Return ray, pixel and weight where rays cross the rows (along 1) or the columns (along 0)."""
    sizes = shape[1], shape[0]  # along the axes: right, up
    across = 1 - along
    strides = 1, shape[1]
    lines = np.arange(sizes[along])
    level = lines - (sizes[along] - 1) / 2
    step = ((-level if along == 1 else level) - starts[rays, along, None]) / way[rays, along, None]
    place = starts[rays, across, None] + step * way[rays, across, None]
    index = (place if across == 0 else -place) + (sizes[across] - 1) / 2
    index = index.round(9)  # a ray through pixel centres stays on them
    below = np.floor(index).astype(np.int64)
    length = np.linalg.norm(way[rays], axis=1) / np.abs(way[rays, along])
    found = []
    for pixel, weight in ((below, below + 1 - index), (below + 1, index - below)):
        inside = (pixel >= 0) & (pixel < sizes[across]) & (weight > 0)
        flat = lines * strides[along] + pixel * strides[across]
        ray = np.broadcast_to(rays[:, None], index.shape)
        found.append((ray[inside], flat[inside], (weight * length[:, None])[inside]))
    return found
