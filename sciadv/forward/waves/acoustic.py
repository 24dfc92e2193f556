"""Acoustic waves between two wells: pressure traces of a facies map, by finite differences (deepwave)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Annotated, Any, final

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Forward, expect_image
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Shape

#: Shots that are propagated at once: their wavefields are in memory, one per step.
_SHOTS_CHUNK = 24


@final
class AcousticCrosswell(Forward):
    """Pressure at receivers in one well of shots in another.

    ``u_tt / v^2 - laplacian u = s(t) delta(x - x_s)`` in two dimensions, with density constant and absorbing
    layers on all sides; the velocity is linear in the candidate, ``v = v0 + (v1 - v0) x``. Each trace is
    recorded from time 0, when the wavelet begins, and is divided by the largest pressure that its wavelet
    makes in a homogeneous background at the width of the section: traces are about 1, and noise is stated as
    a part of that.

    Parameters
    ----------
    in_shape
        (1, height, width): cells over depth and distance; x is 0 in the background and 1 in the facies.
    cell_size
        Side of a cell [m].
    velocity_background, velocity_facies
        v0 and v1 [m/s], > 0.
    frequency
        Peak frequency of the Ricker wavelet [Hz], whose peak is at time ``1.5 / frequency``.
    n_samples, interval
        Samples of a trace, and the time between them [s], which the steps of the scheme divide.
    source_rows, receiver_rows
        Rows of the sources, in the second column, and of the receivers, in the last but one.
    headroom
        Fastest velocity that the time step is made for, as a multiple of the faster facies', >= 1.
    n_absorbing
        Cells of the absorbing layer on each side.
    courant
        Courant number of the steps in time, in (0, 1].
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        deepwave is not installed, there is more than one channel, a velocity, size, frequency or interval is
        not positive, a row lies outside the section or is given twice, or the shortest wave has less than 4
        cells (its frequency taken as 2.5 times the peak).

    Notes
    -----
    Order 4 in space and 2 in time, Courant's condition kept for velocities up to `headroom` times the faster
    facies': a candidate beyond that is not propagated stably. `jvp` is Born scattering and `vjp` the adjoint
    state method, both exact for the discrete scheme. Cost per candidate and shot: one propagation, for `jvp`
    two, for `vjp` two, and the memory of one wavefield per step.

    References
    ----------
    .. [1] A. Richardson. Deepwave. doi:10.5281/zenodo.3829886.
    .. [2] A. Tarantola. Inversion of seismic reflection data in the acoustic approximation. Geophysics 49
       (1984) 1259-1266: the adjoint state method.

    Examples
    --------
    >>> F = AcousticCrosswell(source_rows=[20, 60], receiver_rows=[10, 50, 90], n_samples=80)
    >>> F.in_shape, F.out_shape
    ((1, 125, 60), (2, 3, 80))
    """

    kind = "acoustic-crosswell"

    is_linear = False
    source_places: Tensor
    receiver_places: Tensor
    wavelet: Tensor

    @checked
    def __init__(  # noqa: PLR0913  # what an experiment is: the section, the waves and who sends and listens
        self,
        in_shape: Shape = (1, 125, 60),
        *,
        cell_size: Positive = 2.0,
        velocity_background: Positive = 2500.0,
        velocity_facies: Positive = 2000.0,
        frequency: Positive = 60.0,
        n_samples: Count = 120,
        interval: Positive = 1.2e-3,
        source_rows: Sequence[int] | npt.NDArray[np.int64] = (12, 62, 112),
        receiver_rows: Sequence[int] | npt.NDArray[np.int64] = tuple(range(5, 125, 5)),
        headroom: Annotated[float, Field(ge=1)] = 1.1,
        n_absorbing: Count = 10,
        courant: Annotated[float, Field(gt=0, le=1)] = 0.6,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, height, width = expect_image(in_shape, "AcousticCrosswell")
        _require_deepwave()
        numbers = (cell_size, velocity_background, velocity_facies, frequency, n_samples, interval)
        if channels != 1 or width < 4 or not min(numbers) > 0:
            raise InputError(
                f"AcousticCrosswell takes one channel, at least 4 columns, and sizes, velocities, "
                f"frequencies and intervals > 0, but got in_shape {tuple(in_shape)} and {numbers}"
            )
        slowest = min(velocity_background, velocity_facies)
        cells_per_wave = slowest / (2.5 * frequency * cell_size)
        if cells_per_wave < 4:
            raise InputError(
                f"the shortest wave has {cells_per_wave:.1f} cells and needs 4: take a frequency of at most "
                f"{slowest / (10 * cell_size):g} Hz, or smaller cells"
            )
        sources = _rows(source_rows, "source_rows", height)
        receivers = _rows(receiver_rows, "receiver_rows", height)
        super().__init__(in_shape, (len(sources), len(receivers), n_samples), dtype=dtype, device=device)
        self.cell_size = cell_size
        self.interval = interval
        self.velocity_background = velocity_background
        self.velocity_facies = velocity_facies
        places = torch.stack([sources, torch.ones_like(sources)], 1)[:, None]
        self.register_buffer("source_places", places.to(device), persistent=False)
        listening = torch.stack([receivers, torch.full_like(receivers, width - 2)], 1)
        listening = listening.expand(len(sources), -1, -1).contiguous()
        self.register_buffer("receiver_places", listening.to(device), persistent=False)
        self.fastest = headroom * max(velocity_background, velocity_facies)
        self.frequency = frequency
        self.n_absorbing = n_absorbing
        self.courant = courant
        self.n_steps = math.ceil(interval * self.fastest * 2**0.5 / (courant * cell_size))  # per sample
        wavelet = ricker(frequency, n_samples * self.n_steps, interval / self.n_steps)
        size = line_source_peak((width - 3) * cell_size, velocity_background, frequency)
        self.register_buffer("wavelet", (wavelet / size).to(device, dtype), persistent=False)

    def forward(
        self, x: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch sources receivers times"]:
        """Return the traces of facies maps."""
        return torch.cat([self._traces(part) for part in torch.split(x, self._chunk)])

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return the waves that the change scatters, to first order (Born)."""
        parts = zip(torch.split(x, self._chunk), torch.split(tangent, self._chunk), strict=True)
        with torch.no_grad():
            return torch.cat([self._scattered(some, change) for some, change in parts])

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return the gradient by the adjoint state method."""
        pulled = []
        for some, weights in zip(
            torch.split(x, self._chunk), torch.split(cotangent, self._chunk), strict=True
        ):
            leaf = some.detach().requires_grad_(True)
            with torch.enable_grad():
                traces = self._traces(leaf)
            pulled.append(torch.autograd.grad(traces, leaf, weights)[0])
        return torch.cat(pulled)

    @property
    def _chunk(self) -> int:
        return max(1, _SHOTS_CHUNK // self.out_shape[0])

    def _traces(self, x: Tensor) -> Tensor:
        from deepwave import scalar

        found = scalar(self._per_shot(self._velocity(x)), **self._experiment(len(x)))
        return self._as_traces(found[-1])

    def _scattered(self, x: Tensor, tangent: Tensor) -> Tensor:
        from deepwave import scalar_born

        change = (self.velocity_facies - self.velocity_background) * tangent[:, 0]
        settings = self._experiment(len(x))
        settings["sc_receiver_locations"] = settings.pop("receiver_locations")
        with warnings.catch_warnings():  # a change at the section's edge goes on outside, as it should
            warnings.filterwarnings("ignore", message="dv is non-zero in the outermost cells")
            found = scalar_born(self._per_shot(self._velocity(x)), dv=self._per_shot(change), **settings)
        return self._as_traces(found[-1])

    def _velocity(self, x: Tensor) -> Tensor:
        return self.velocity_background + (self.velocity_facies - self.velocity_background) * x[:, 0]

    def _per_shot(self, model: Tensor) -> Tensor:
        return model.repeat_interleave(self.out_shape[0], 0)

    def _as_traces(self, amplitudes: Tensor) -> Tensor:
        return amplitudes[..., :: self.n_steps].reshape(-1, *self.out_shape)

    def _experiment(self, n: int) -> dict[str, Any]:
        """Return deepwave's settings for `n` candidates, each with all shots."""
        n_shots = n * self.out_shape[0]
        return {
            "grid_spacing": self.cell_size,
            "dt": self.interval / self.n_steps,
            # spread over a cell, with the sign of ``laplacian u - u_tt / v^2``
            "source_amplitudes": -self.wavelet.expand(n_shots, 1, -1) / self.cell_size**2,
            "source_locations": self.source_places.repeat(n, 1, 1),
            "receiver_locations": self.receiver_places.repeat(n, 1, 1),
            "accuracy": 4,
            "pml_width": self.n_absorbing,
            "pml_freq": self.frequency,
            "max_vel": self.fastest,
            "courant_number": self.courant,
        }


def ricker(frequency: float, n_samples: int, interval: float) -> Tensor:
    """Return Ricker's wavelet ``(1 - 2 a) exp(-a)`` with ``a = (pi f (t - 1.5 / f))^2``, in float64.

    Ricker, The form and laws of propagation of seismic wavelets, Geophysics 18 (1953) 10-40.
    """
    a = (torch.pi * (frequency * torch.arange(n_samples, dtype=torch.float64) * interval - 1.5)).square()
    return (1 - 2 * a) * torch.exp(-a)


def line_source_traces(wavelet: Tensor, interval: float, distance: float, velocity: float) -> Tensor:
    """Return the pressure of a line source in a homogeneous space, ``(n_samples,)``, by Fourier transforms.

    ``U = (i / 4) H_0^(1)(omega r / v) S(omega)``: Morse and Feshbach, Methods of Theoretical Physics, 1953,
    equation (7.2.18).

    Parameters
    ----------
    wavelet
        s(t), samples ``(n_samples,)`` float64, that starts and ends at about 0.
    interval
        Between samples [s].
    distance, velocity
        r [m] and v [m/s].
    """
    from scipy.special import hankel1

    n = 8 * len(wavelet)  # so that what wraps around is small
    omega = 2 * np.pi * np.fft.rfftfreq(n, interval)
    spectrum = np.fft.rfft(wavelet.numpy(), n)
    green = np.zeros(len(omega), dtype=np.complex128)
    # numpy transforms by exp(-i omega t), the formula by exp(+i omega t): conjugate
    green[1:] = np.conj(0.25j * hankel1(0, omega[1:] * distance / velocity))
    return torch.from_numpy(np.fft.irfft(green * spectrum, n)[: len(wavelet)])


def line_source_peak(distance: float, velocity: float, frequency: float) -> float:
    """Return the largest pressure that Ricker's wavelet makes at a distance in a homogeneous space."""
    interval = 0.02 / frequency
    n = int((distance / velocity + 4 / frequency) / interval)
    return float(line_source_traces(ricker(frequency, n, interval), interval, distance, velocity).abs().max())


def _require_deepwave() -> None:
    from importlib.util import find_spec

    if find_spec("deepwave") is None:
        raise InputError(
            "acoustic-crosswell needs deepwave, which is not installed: pip install sciadv[seismic]"
        )


def _rows(rows: object, what: str, height: int) -> Tensor:
    """Return rows ``(n,)`` that lie in the section, each once."""
    given = np.asarray(rows)
    found = torch.as_tensor(given.astype(np.int64)) if given.ndim == 1 else torch.empty(0, dtype=torch.int64)
    is_whole = given.ndim == 1 and bool((given == given.astype(np.int64)).all())
    if not is_whole or len(found) == 0 or int(found.min()) < 0 or int(found.max()) >= height:
        raise InputError(f"{what} are whole numbers from 0 to {height - 1}, but they are {given.tolist()}")
    if len(set(found.tolist())) < len(found):
        raise InputError(f"{what} name a row twice: {given.tolist()}")
    return found
