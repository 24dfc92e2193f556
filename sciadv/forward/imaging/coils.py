"""Magnetic resonance imaging with several receiver coils, and the coils' sensitivity maps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from jaxtyping import Complex
from torch import Tensor

from sciadv.arguments.memory import check_memory
from sciadv.arguments.values import as_tensor
from sciadv.errors import InputError
from sciadv.forward.autodiff import as_dtype
from sciadv.forward.base import LinearForward, expect_grid
from sciadv.forward.imaging.fourier import MaskedFourier
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Shape, Share


class CoilSensitivities(LinearForward):
    """What each coil sees of an image, ``y_c = s_c x``: put before a sampling of k-space of any kind.

    Parameters
    ----------
    in_shape
        (1, height, width) or (1, depth, height, width), real or complex; or, real, with 2 channels: the real
        and the imaginary part of a complex image.
    sensitivities
        Maps s_c, complex ``(coils, *space)``.
    dtype, device
        Of the candidates; the coils' images are complex.

    Raises
    ------
    InputError
        The maps do not fit the image or are not finite, or there are more channels.

    Examples
    --------
    Radial sampling by four coils:

    >>> import torch
    >>> from sciadv.forward import NonuniformFourier
    >>> coils = CoilSensitivities((1, 8, 8), birdcage_sensitivities((8, 8), 4))
    >>> spokes = torch.linspace(-0.5, 0.5, 8)[:, None] * torch.tensor([[0.6, 0.8]])
    >>> A = NonuniformFourier((4, 8, 8), spokes, dtype=torch.complex64) @ coils
    >>> A.in_shape, A.out_shape
    ((1, 8, 8), (4, 8))
    """

    kind = "coil-sensitivities"

    sensitivities: Tensor

    @checked
    def __init__(
        self,
        in_shape: Shape,
        sensitivities: Tensor | npt.NDArray[Any],
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, sizes = expect_grid(in_shape, "CoilSensitivities")
        if channels != 1 and (channels != 2 or dtype.is_complex):
            raise InputError(
                f"coils take one channel, or real and imaginary part, but in_shape is {in_shape} of {dtype}"
            )
        maps = as_tensor(sensitivities, "sensitivities")
        if maps.ndim != len(sizes) + 1 or tuple(maps.shape[1:]) != sizes or not bool(maps.isfinite().all()):
            raise InputError(
                f"sensitivities are finite maps (coils, {', '.join(map(str, sizes))}), but they have shape "
                f"{tuple(maps.shape)}"
            )
        super().__init__(in_shape, (len(maps), *sizes), dtype=dtype, device=device)
        maps = maps.to(device=device, dtype=dtype.to_complex())
        self.register_buffer("sensitivities", maps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return what each coil sees, complex ``(batch, coils, *space)``."""
        image = torch.complex(x[:, :1], x[:, 1:]) if self.in_shape[0] == 2 else x
        return image * self.sensitivities

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the coils' images, weighted by the maps' conjugates and added up."""
        image = (y * self.sensitivities.conj()).sum(1, keepdim=True)
        if self.in_shape[0] == 2:
            return torch.cat([image.real, image.imag], 1)
        return as_dtype(image, image.dtype if self.dtype.is_complex else y.dtype.to_real())


class MultiCoilFourier(LinearForward):
    """Sample the Fourier transform of an image as each coil sees it, ``y_c = (F (s_c x))[mask]``.

    Of images and volumes. The maps s_c are given, or estimated from the fully sampled centre of k-space
    (`low_resolution_sensitivities`). Maps that were estimated are normalised: the image is then x times the
    root of the sum of squares of the true maps.

    Parameters
    ----------
    in_shape
        (1, height, width) or (1, depth, height, width), real or complex; or, real, with 2 channels: the real
        and the imaginary part of a complex image.
    mask
        Boolean k-space mask, True where sampled, as of `MaskedFourier`; all coils are sampled alike.
    sensitivities
        Maps s_c, complex ``(coils, *space)``.
    calibration
        Instead of `sensitivities`: measured data, complex ``(coils, sampled)``, from whose central part the
        maps are estimated.
    n_centre
        Side of the central part [frequencies] that the estimate takes; the largest that is fully sampled if
        left out.
    floor
        Share of the largest root sum of squares below which an estimated map fades to 0.
    is_centred, dtype, device
        As in `MaskedFourier`.

    Raises
    ------
    InputError
        Neither maps nor calibration data are given, or both; they do not fit the image; or the centre of
        k-space is not sampled.

    References
    ----------
    .. [1] K. P. Pruessmann, M. Weiger, M. B. Scheidegger, P. Boesiger. SENSE: sensitivity encoding for fast
       MRI. Magnetic Resonance in Medicine 42 (1999) 952-962.

    Examples
    --------
    >>> import torch
    >>> maps = birdcage_sensitivities((8, 8), 4)
    >>> A = MultiCoilFourier((1, 8, 8), torch.arange(8) % 2 == 0, maps)
    >>> A(torch.ones(3, 1, 8, 8)).shape
    torch.Size([3, 4, 32])
    """

    kind = "multi-coil-fourier"

    @checked
    def __init__(  # noqa: PLR0913  # maps that are given, or what they are estimated from
        self,
        in_shape: Shape,
        mask: Tensor | npt.NDArray[Any],
        sensitivities: Tensor | npt.NDArray[Any] | None = None,
        *,
        calibration: Tensor | npt.NDArray[Any] | None = None,
        n_centre: Count | None = None,
        floor: Share = 0.05,
        is_centred: bool = True,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        _, sizes = expect_grid(in_shape, "MultiCoilFourier")
        self.check_settings({"sensitivities": sensitivities, "calibration": calibration})
        maps = sensitivities
        if calibration is not None:
            maps = low_resolution_sensitivities(
                as_tensor(calibration, "calibration"),
                mask,
                sizes,
                n_centre=n_centre,
                floor=floor,
                is_centred=is_centred,
            )
        assert maps is not None
        coils = CoilSensitivities(in_shape, maps, dtype=dtype, device=device)
        sampling = MaskedFourier(
            coils.out_shape, mask, is_centred=is_centred, dtype=dtype.to_complex(), device=device
        )
        super().__init__(in_shape, sampling.out_shape, dtype=dtype, device=device)
        self.coils = coils
        self.sampling = sampling

    @staticmethod
    def check_settings(settings: Mapping[str, object]) -> None:
        """Check that there are maps, in one way.

        Raises
        ------
        InputError
            There are none, or they are given in both ways.
        """
        if (settings.get("sensitivities") is None) == (settings.get("calibration") is None):
            raise InputError("give either sensitivities (maps) or calibration (data to estimate them from)")

    def forward(self, x: Tensor) -> Tensor:
        """Return the sampled frequencies of each coil, complex ``(batch, coils, sampled)``."""
        y: Tensor = self.sampling(self.coils(x))
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the images of all coils, each zero-filled, weighted by its map and added up."""
        return self.coils.adjoint(self.sampling.adjoint(y))


def low_resolution_sensitivities(
    y: Complex[Tensor, "coils sampled"],
    mask: Tensor | npt.NDArray[Any],
    sizes: Shape,
    *,
    n_centre: int | None = None,
    floor: float = 0.05,
    is_centred: bool = True,
) -> Complex[Tensor, "coils ..."]:
    """Estimate coil sensitivity maps from the fully sampled centre of k-space.

    The centre, tapered by a Hann window, gives an image of low resolution for each coil; each is divided by
    the root of their sum of squares r, ``s_c = m_c r / (r^2 + (floor max r)^2)``, so that maps fade where
    there is no signal.

    Parameters
    ----------
    y
        Data of one measurement, the sampled frequencies of each coil.
    mask
        Boolean k-space mask, as of `MaskedFourier`.
    sizes
        (height, width) or (depth, height, width).
    n_centre
        Side of the centre [frequencies]; the largest that is fully sampled, at most the image's shortest
        side, if left out.
    floor
        Share of the largest r below which maps fade to 0.
    is_centred
        Whether zero frequency is in the middle.

    Returns
    -------
    Tensor
        Maps whose squares add up to about 1 where there is signal.

    Raises
    ------
    InputError
        The data do not fit the mask, or the centre is not fully sampled over at least 3 frequencies a side.

    Notes
    -----
    Maps vary slowly; a centre of 16 to 24 frequencies a side holds those of common coil arrays [1]_. What the
    image has of lower frequencies than these leaks into none of the maps' ratios where signal is.

    References
    ----------
    .. [1] C. A. McKenzie et al. Self-calibrating parallel imaging with automatic coil sensitivity extraction.
       Magnetic Resonance in Medicine 47 (2002) 529-538.

    Examples
    --------
    >>> import torch
    >>> maps, mask = birdcage_sensitivities((32, 32), 4), torch.ones(32, 32) > 0
    >>> y = MultiCoilFourier((1, 32, 32), mask, maps)(torch.ones(1, 1, 32, 32))[0]
    >>> found = low_resolution_sensitivities(y, mask, (32, 32), n_centre=16)
    >>> bool((found.abs().square().sum(0) - 1).abs().mean() < 0.02)
    True
    """
    sampling = MaskedFourier((max(len(y), 1), *sizes), mask, is_centred=is_centred, dtype=torch.complex64)
    if not y.is_complex() or tuple(y.shape) != sampling.out_shape:
        raise InputError(
            f"calibration data are complex (coils, sampled) = {sampling.out_shape}, but they are {y.dtype} "
            f"of shape {tuple(y.shape)}; give the data of one measurement"
        )
    window = _centre_window(sampling, sizes, n_centre)
    images = sampling.adjoint((y.to(torch.complex64) * window.flatten()[sampling.sampled])[None])[0]
    size = images.abs().square().sum(0).sqrt()
    return images * size / (size.square() + (floor * size.max()) ** 2)


def _centre_window(sampling: MaskedFourier, sizes: Shape, n_centre: int | None) -> Tensor:
    """Return a Hann window over the fully sampled centre of k-space, 0 elsewhere, as k-space is ordered.

    Raises
    ------
    InputError
        The centre is not fully sampled over at least 3 frequencies a side.
    """
    flags = torch.zeros(math.prod(sizes), dtype=torch.bool).index_fill(0, sampling.sampled, value=True)
    grid = flags.reshape(sizes)
    grid = grid if sampling.is_centred else torch.fft.fftshift(grid)
    side = _largest_centre(grid) if n_centre is None else n_centre
    inside = _centre(sizes, side)
    if side < 3 or side > min(sizes) or not bool(grid[inside].all()):
        raise InputError(
            f"the central {side} frequencies of each axis of k-space are not fully sampled, from 3 on; "
            f"sample them, give another n_centre, or give sensitivities"
        )
    window = torch.zeros(sizes)
    taper = torch.hann_window(side + 2, periodic=False)[1:-1]
    window[inside] = math.prod(torch.meshgrid(*[taper] * len(sizes), indexing="ij"))
    return window if sampling.is_centred else torch.fft.ifftshift(window)


def _centre(sizes: Shape, side: int) -> tuple[slice, ...]:
    """Return the slices of the central part of k-space, `side` frequencies each way."""
    return tuple(slice(n // 2 - side // 2, n // 2 - side // 2 + side) for n in sizes)


def _largest_centre(grid: Tensor) -> int:
    """Return the largest side at which the centre of k-space is fully sampled, 0 for none."""
    side = 0
    while side < min(grid.shape) and bool(grid[_centre(tuple(grid.shape), side + 1)].all()):
        side += 1
    return side


@checked
def birdcage_sensitivities(
    sizes: Shape, n_coils: Count, *, radius: Positive = 1.5
) -> Complex[Tensor, "coils ..."]:
    """Return the maps of coils on a circle around the image, normalised: their squares add up to 1.

    Each coil's field falls as the inverse of the distance, and its phase is the angle at which a pixel sees
    it: a common model of simulations, as in BART and SigPy, not that of a real scanner.

    Parameters
    ----------
    sizes
        (height, width), or (depth, height, width): the coils then lie in rings of at most 8, evenly over the
        depth.
    n_coils
        How many.
    radius
        Of the circle [half widths of the image], > 1 for coils outside of it.

    Raises
    ------
    InputError
        The sizes are not those of an image or a volume.

    Examples
    --------
    >>> birdcage_sensitivities((8, 8), 4).shape
    torch.Size([4, 8, 8])
    """
    if len(sizes) not in (2, 3):
        raise InputError(
            f"expected (height, width) or (depth, height, width), but the sizes are {tuple(sizes)}"
        )
    check_memory(32 * n_coils * math.prod(sizes), f"the maps of {n_coils} coils", "give fewer coils")
    n_rings = 1 if len(sizes) == 2 else math.ceil(n_coils / 8)
    axes = [torch.linspace(-1, 1, n, dtype=torch.float64) if n > 1 else torch.zeros(1) for n in sizes]
    place = torch.meshgrid(*axes, indexing="ij")
    maps = []
    for coil in range(n_coils):
        height = (2 * (coil % n_rings) + 1) / n_rings - 1
        angle = 2 * math.pi * (coil // n_rings) / math.ceil(n_coils / n_rings)
        maps.append(_coil_field(place, angle, radius, height))
    stacked = torch.stack(maps)
    size = stacked.abs().square().sum(0).sqrt()
    return (stacked / size).to(torch.complex64)


def _coil_field(place: tuple[Tensor, ...], angle: float, radius: float, height: float) -> Tensor:
    """Return the field of a coil at an angle of the circle, and at a height along the depth of a volume."""
    across = place[-1] - radius * math.cos(angle)
    along = place[-2] - radius * math.sin(angle)
    depth = place[0] - height if len(place) == 3 else torch.zeros(())
    distance = (across.square() + along.square() + depth.square()).sqrt()
    phase = torch.atan2(across, -along) - angle
    return torch.polar(1 / distance, phase.to(distance))
