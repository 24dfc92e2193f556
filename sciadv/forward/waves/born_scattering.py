"""Linear inverse scattering: waves scattered once by a weak contrast (first Born approximation)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from sciadv.arguments.memory import check_memory
from sciadv.arguments.values import as_reals
from sciadv.errors import InputError
from sciadv.forward.autodiff import as_dtype
from sciadv.forward.base import LinearForward, expect_image
from sciadv.forward.tomography.radon import as_degrees
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Shape


class BornScattering(LinearForward):
    """Fields at receivers around an object of weak contrast, one illumination after the other.

    ``y(t, r) = k^2 int g(r, p) x(p) g(p, t) dp`` in two dimensions, with Green's function of a line source
    ``g(a, b) = (i / 4) H_0^(1)(k |a - b|)`` and x the contrast of permittivity, ``eps / eps_background - 1``:
    the field of transmitter t, scattered once at p and recorded at r. Transmitters and receivers stand on a
    circle around the image, at angles from its first axis right (+x) through up (+y). The defaults are those
    of the benchmark InverseBench [1]_ at 128 x 128 pixels: 20 transmitters, 360 receivers.

    Parameters
    ----------
    in_shape
        (1, height, width) of square pixels; the pixels' centres are the nodes of the integral.
    width
        Of the image [any unit of length, as all lengths].
    wavelength
        In the background.
    radius
        Of the circle; its centre is that of the image, which lies inside.
    n_transmitters, n_receivers
        Spread evenly over the circle, from angle 0.
    transmitter_angles, receiver_angles
        Instead of evenly: angles [degrees].
    dtype, device
        Of the candidates: real for a contrast without absorption.

    Raises
    ------
    InputError
        The image has more than one channel or reaches the circle, angles are not finite, or the fields do
        not fit into memory.

    Notes
    -----
    The operator is kept as its two factors, the field of each transmitter in the image and the response of
    each receiver, ``(transmitters + receivers) * pixels`` complex numbers, never as the matrix of all
    measurements; one call is a product with the receivers' factor for each transmitter. The approximation
    asks for a contrast c of extent d with ``k d c`` well below 1. The benchmark's own code takes the complex
    conjugate of the incident field and angles that end at 359 degrees: data differ, the problem does not.

    References
    ----------
    .. [1] H. Zheng et al. InverseBench: benchmarking plug-and-play diffusion priors for inverse problems in
       physical sciences. ICLR 2025.
    .. [2] M. Born, E. Wolf. Principles of Optics. 7th edition, Cambridge 1999, section 13.1.2.

    Examples
    --------
    >>> import torch
    >>> A = BornScattering((1, 8, 8), n_transmitters=3, n_receivers=5)
    >>> A(torch.ones(2, 1, 8, 8)).shape
    torch.Size([2, 3, 5])
    """

    kind = "born-scattering"

    incident: Tensor
    response: Tensor

    @checked
    def __init__(  # noqa: PLR0913  # what an experiment is: the object, the wave, and who sends and listens
        self,
        in_shape: Shape,
        *,
        width: Positive = 0.18,
        wavelength: Positive = 0.18 * 6 / 128,
        radius: Positive = 1.6,
        n_transmitters: Count = 20,
        n_receivers: Count = 360,
        transmitter_angles: npt.ArrayLike | Tensor | None = None,
        receiver_angles: npt.ArrayLike | Tensor | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, rows, columns = expect_image(in_shape, "BornScattering")
        pixel = width / columns
        half_diagonal = pixel * math.hypot(rows, columns) / 2
        if channels != 1 or not radius > half_diagonal:
            raise InputError(
                f"BornScattering takes one channel inside of the circle, but there are {channels}, and the "
                f"image's corners are at {half_diagonal:.3g}, the circle at {radius:.3g}"
            )
        n_both = sum(
            n if angles is None else as_reals(angles, "angles").size
            for n, angles in ((n_transmitters, transmitter_angles), (n_receivers, receiver_angles))
        )
        check_memory(
            16 * n_both * rows * columns,
            f"the fields of {n_both} transmitters and receivers",
            "take fewer, or fewer pixels",
            device=device,
        )
        senders = _angles(transmitter_angles, n_transmitters, "transmitter_angles")
        listeners = _angles(receiver_angles, n_receivers, "receiver_angles")
        super().__init__(in_shape, (len(senders), len(listeners)), dtype=dtype, device=device)
        wavenumber = 2 * math.pi / wavelength
        right = (np.arange(columns) - (columns - 1) / 2) * pixel
        up = ((rows - 1) / 2 - np.arange(rows)) * pixel
        place = np.stack([np.tile(right, rows), np.repeat(up, columns)], 1)
        kept = dtype.to_complex()
        incident = _line_source(_circle(senders, radius), place, wavenumber)
        response = wavenumber**2 * pixel**2 * _line_source(_circle(listeners, radius), place, wavenumber)
        self.register_buffer("incident", incident.to(device, kept), persistent=False)
        self.register_buffer("response", response.to(device, kept), persistent=False)

    @staticmethod
    def check_settings(settings: Mapping[str, object]) -> None:
        """Check that senders and listeners are given in one way each.

        Raises
        ------
        InputError
            Both the angles and the number are given.
        """
        for one in ("transmitter", "receiver"):
            if settings.get(f"n_{one}s") is not None and settings.get(f"{one}_angles") is not None:
                raise InputError(f"give either n_{one}s or {one}_angles, not both")

    def forward(
        self, x: Float[Tensor, "batch 1 height width"] | Complex[Tensor, "batch 1 height width"]
    ) -> Complex[Tensor, "batch transmitters receivers"]:
        """Return the scattered fields."""
        contrast = x.flatten(1).to(self.incident.dtype)
        fields = [(contrast * incident) @ self.response.T for incident in self.incident]
        return torch.stack(fields, 1)

    def adjoint(self, y: Complex[Tensor, "batch transmitters receivers"]) -> Tensor:
        """Send the fields back and correlate them with the incident ones."""
        image = y.new_zeros(len(y), self.incident.shape[1])
        for incident, field in zip(self.incident, y.unbind(1), strict=True):
            image = image + (field @ self.response.conj()) * incident.conj()
        image = image.reshape(-1, *self.in_shape)
        return as_dtype(image, image.dtype if self.dtype.is_complex else y.dtype.to_real())


def _angles(angles: object, n: int, what: str) -> npt.NDArray[np.float64]:
    """Return angles [radians], those given or n spread evenly."""
    radians: npt.NDArray[np.float64] = np.deg2rad(as_degrees(angles, n, turn=360, name=what))
    return radians


def _circle(angles: npt.NDArray[np.float64], radius: float) -> npt.NDArray[np.float64]:
    return radius * np.stack([np.cos(angles), np.sin(angles)], 1)


def _line_source(
    sources: npt.NDArray[np.float64], places: npt.NDArray[np.float64], wavenumber: float
) -> Tensor:
    """Return ``(i / 4) H_0^(1)(k |source - place|)``, ``(sources, places)``."""
    from scipy.special import hankel1

    distance = np.linalg.norm(sources[:, None] - places[None], axis=2)
    return torch.from_numpy(0.25j * hankel1(0, wavenumber * distance))
