"""Parallel-beam X-ray tomography: the Radon transform of an image of pixels, and filtered back-projection."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.arguments.memory import check_memory
from sciadv.arguments.values import as_reals, shown
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, expect_image
from sciadv.forward.matrix import SparseMatrix
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Shape

Filter = Literal["ramp", "shepp-logan", "cosine", "hamming", "hann"]


class ParallelBeam(LinearForward):
    """Integrate an image along parallel rays, ``y(angle, s) = int x(s e + t d) dt``, by Joseph's method.

    With ``e = (cos, sin)(angle)`` the detector's axis and ``d = (-sin, cos)(angle)`` the direction of the
    rays; the first coordinate points right, the second up, and the origin is the centre of the image. At 0
    degrees the rays run along the columns, and detector and image have the same left and right.
    `skimage.transform.radon` has the same angles; its origin is pixel ``n // 2``, which is the centre only
    for odd n.

    Parameters
    ----------
    in_shape
        (channels, height, width); every channel is projected alike.
    angles
        Any angles [degrees], at least one.
    n_angles
        Instead of `angles`: that many, spread evenly over 180 degrees.
    n_detectors
        Detector pixels, as wide as the image's and centred on the origin. If left out, the fewest that see
        the whole image from everywhere and share the parity of its width.
    pixel_size
        Side of a pixel [any unit of length]; y is in (unit of x) * (unit of length).
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        No angles, both `angles` and `n_angles`, or `n_detectors` or `pixel_size` is not positive.

    Notes
    -----
    A ray is sampled where it crosses the rows (or, when it is flatter than 45 degrees, the columns) of pixel
    centres, by linear interpolation between two pixels [1]_. The weights are a sparse matrix, built here
    once, and the adjoint is its transpose, exactly. It has about ``2 * n_angles * n_detectors * height``
    entries of 8 bytes, and is kept twice: 85 MB for 180 angles of an image of 128 x 128.

    References
    ----------
    .. [1] P. M. Joseph. An improved algorithm for reprojecting rays through pixel images. IEEE Transactions
       on Medical
       Imaging 1 (1982) 192-196.

    Examples
    --------
    >>> import torch
    >>> A = ParallelBeam((1, 5, 5), [0.0, 90.0], n_detectors=5)
    >>> A(torch.ones(1, 1, 5, 5))[0, 0, 0]
    tensor([5., 5., 5., 5., 5.])
    """

    kind = "parallel-beam"

    @checked
    def __init__(
        self,
        in_shape: Shape,
        angles: npt.ArrayLike | Tensor | None = None,
        n_detectors: Count | None = None,
        *,
        n_angles: Count | None = None,
        pixel_size: Positive = 1.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, height, width = expect_image(in_shape, "ParallelBeam")
        self.check_settings({"angles": angles, "n_angles": n_angles})
        if n_detectors is None:
            n_detectors = math.ceil(math.hypot(height, width))
            n_detectors += (n_detectors - width) % 2
        count = as_reals(angles, "angles").size if n_angles is None else n_angles
        check_memory(
            32 * count * n_detectors * height,  # two matrices of 8 bytes an entry, 2 entries a crossing
            f"the rays of {count} angles",
            "give fewer angles or detectors",
            device=device,
        )
        degrees = as_degrees(angles, n_angles, turn=180)
        if n_detectors < 1 or not pixel_size > 0:
            raise InputError(
                f"expected n_detectors >= 1 and pixel_size > 0, but got {n_detectors} and {pixel_size}"
            )
        super().__init__(in_shape, (channels, len(degrees), n_detectors), dtype=dtype, device=device)
        self.pixel_size = pixel_size
        weights = _joseph_matrix(np.deg2rad(degrees), n_detectors, (height, width)) * pixel_size
        self.product = SparseMatrix(weights, dtype=dtype, device=device)

    @staticmethod
    def check_settings(settings: Mapping[str, object]) -> None:
        """Check that there are angles, in one way.

        Raises
        ------
        InputError
            There are none, or they are given in both ways.
        """
        if (settings.get("angles") is None) == (settings.get("n_angles") is None):
            raise InputError("give either angles [degrees] or n_angles (spread evenly over 180 degrees)")

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels angles detectors"]:
        """Return the sinograms."""
        y: Tensor = self.product(x.reshape(-1, x.shape[2] * x.shape[3]))
        return y.reshape(-1, *self.out_shape)

    def adjoint(
        self, y: Float[Tensor, "batch channels angles detectors"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Back-project, without a filter."""
        return self.product.adjoint(y.reshape(-1, y.shape[2] * y.shape[3])).reshape(-1, *self.in_shape)


def as_degrees(
    angles: object, n: int | None, *, turn: float, name: str = "angles"
) -> npt.NDArray[np.float64]:
    """Return angles [degrees]: those given, or n spread evenly over a turn.

    Raises
    ------
    InputError
        There are none, or some are not finite numbers.
    """
    if angles is None and n is not None:
        return turn * np.arange(n, dtype=np.float64) / n
    degrees = np.atleast_1d(as_reals(angles, name))
    if degrees.ndim != 1 or len(degrees) == 0:
        raise InputError(f"{name} are numbers [degrees], at least one, but they are {shown(angles)}")
    return degrees


def filtered_back_projection(
    A: ParallelBeam,
    y: Float[Tensor, "batch channels angles detectors"],
    *,
    filter: Filter = "ramp",
) -> Float[Tensor, "batch channels height width"]:
    """Invert the Radon transform by filtering each projection and back-projecting.

    ``x = (pi / n_angles) sum_angles (h * y)(angle, s)``, with h the band-limited ramp.

    Parameters
    ----------
    A
        The operator that y was measured with. Its angles should lie evenly over 180 or 360 degrees; others
        give a reconstruction whose values are off.
    y
        Sinograms.
    filter
        The ramp, alone or times a window that suppresses noise and detail.

    Returns
    -------
    Tensor
        Images, in the unit of x.

    Raises
    ------
    InputError
        y does not fit the operator, or the filter has no such name.

    References
    ----------
    .. [1] A. C. Kak, M. Slaney. Principles of Computerized Tomographic Imaging. IEEE Press 1988, section 3.3;
       the ramp is equation 61.

    Examples
    --------
    >>> import torch
    >>> A = ParallelBeam((1, 33, 33), range(0, 180, 3))
    >>> x = torch.zeros(1, 1, 33, 33)
    >>> x[..., 8:25, 8:25] = 1
    >>> inside = filtered_back_projection(A, A(x))[..., 10:23, 10:23]
    >>> bool((inside.mean() - 1).abs() < 0.02)
    True
    """
    if tuple(y.shape[1:]) != A.out_shape:
        raise InputError(
            f"the sinograms have shape {tuple(y.shape)}, but the operator gives "
            f"(batch, {', '.join(map(str, A.out_shape))}); was y measured with other angles or detectors?"
        )
    _, n_angles, n_detectors = A.out_shape
    n_padded = 2 ** math.ceil(math.log2(2 * n_detectors))  # no wrap-around of the convolution
    response = _filter_response(filter, n_padded).to(y)
    filtered = torch.fft.irfft(torch.fft.rfft(y, n_padded) * response, n_padded)[..., :n_detectors]
    # The rays of one angle add up to weight pixel_size at each pixel, and the ramp has the unit 1 / length.
    return A.adjoint(filtered) * (math.pi / (n_angles * A.pixel_size**2))


def _joseph_matrix(angles: npt.NDArray[np.float64], n_detectors: int, shape: tuple[int, int]) -> Any:
    """Return the weights ``(angles * detectors, pixels)`` for pixels of side 1, as a SciPy sparse array."""
    from scipy.sparse import coo_array

    rays = []
    pixels = []
    weights = []
    for i, angle in enumerate(angles):
        detector, pixel, weight = _joseph_projection(float(angle), n_detectors, shape)
        rays.append((detector + i * n_detectors).astype(np.int32))
        pixels.append(pixel.astype(np.int32))
        weights.append(weight)
    entries = np.concatenate(weights), (np.concatenate(rays), np.concatenate(pixels))
    return coo_array(entries, shape=(len(angles) * n_detectors, math.prod(shape))).tocsr()


def _joseph_projection(
    angle: float, n_detectors: int, shape: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return detector, pixel and weight of each entry of one projection."""
    height, width = shape
    cos = math.cos(angle)
    sin = math.sin(angle)
    s = (np.arange(n_detectors) - (n_detectors - 1) / 2)[:, None]
    row = np.arange(height)
    column = np.arange(width)
    if abs(cos) >= abs(sin):  # steep: step over rows
        y = (height - 1) / 2 - row
        crossing = (s - y * sin) / cos + (width - 1) / 2
        step = abs(cos)
        n_across = width
        strides = (1, width)
    else:  # flat: step over columns
        x = column - (width - 1) / 2
        crossing = (height - 1) / 2 - (s - x * cos) / sin
        step = abs(sin)
        n_across = height
        strides = (width, 1)
    crossing = crossing.round(9)  # a ray through pixel centres stays on them
    below = np.floor(crossing).astype(np.int64)
    along = np.broadcast_to(np.arange(crossing.shape[1]), crossing.shape)
    detector = np.broadcast_to(np.arange(n_detectors)[:, None], crossing.shape)
    parts = []
    for across, weight in ((below, below + 1 - crossing), (below + 1, crossing - below)):
        is_inside = (across >= 0) & (across < n_across) & (weight > 0)
        pixel = across * strides[0] + along * strides[1]
        parts.append((detector[is_inside], pixel[is_inside], weight[is_inside] / step))
    detectors, pixels, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return detectors, pixels, weights


def _filter_response(name: Filter, n_padded: int) -> Tensor:
    """Return the frequency response ``(n_padded // 2 + 1,)`` of a filter for detectors of width 1."""
    if name not in get_args(Filter):
        raise InputError(f"filter is one of {', '.join(get_args(Filter))}, but it is {name!r}")
    n = torch.fft.fftfreq(n_padded, 1 / n_padded, dtype=torch.float64)
    is_odd = n.abs() % 2 == 1
    ramp = torch.where(is_odd, -1 / (math.pi * n) ** 2, 0.0)  # Kak and Slaney, eq. 61
    ramp[0] = 0.25
    frequency = torch.fft.rfftfreq(n_padded, dtype=torch.float64)  # 0 ... 1/2 cycles a detector
    window = {
        "ramp": torch.ones_like(frequency),
        "shepp-logan": torch.sinc(frequency),
        "cosine": torch.cos(math.pi * frequency),
        "hamming": 0.54 + 0.46 * torch.cos(2 * math.pi * frequency),
        "hann": 0.5 + 0.5 * torch.cos(2 * math.pi * frequency),
    }[name]
    response: Tensor = torch.fft.rfft(ramp).real * window
    return response
