"""Two-dimensional incompressible flow in a periodic square: one step of the vorticity equation."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


class PeriodicFlow(torch.nn.Module):
    """Steps of ``w_t + u . grad w = viscosity laplacian w + f`` on n x n points of a periodic square.

    With ``laplacian psi = -w`` and ``u = (psi_y, -psi_x)``, so that w is ``v_x - u_y`` and counts as positive
    where the flow turns counterclockwise. The first axis of an array is x, the second y. Spatial derivatives
    are exact for the Fourier modes kept; products drop the modes above two thirds (Orszag). In time, the
    fourth-order Runge-Kutta method on ``exp(viscosity k^2 t) w``, which treats viscosity exactly.

    Parameters
    ----------
    n
        Points a side.
    side
        Of the square [length].
    viscosity
        Kinematic [length^2 / time].
    forcing
        f ``(n, n)`` [1 / time^2], steady.
    time_step
        [time].
    dtype
        Of the vorticity.

    References
    ----------
    .. [1] C. Canuto, M. Y. Hussaini, A. Quarteroni, T. A. Zang. Spectral methods in fluid dynamics. Springer
       1988, chapters 3 and 4.
    """

    forcing: Tensor
    wave_x: Tensor
    wave_y: Tensor
    inverse_laplacian: Tensor
    kept: Tensor
    decay: Tensor

    def __init__(
        self,
        n: int,
        *,
        side: float,
        viscosity: float,
        forcing: Float[Tensor, "n n"],
        time_step: float,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.n = n
        self.time_step = time_step
        parts = _spectral_tables(n, side, viscosity * time_step / 2)
        parts["forcing"] = torch.view_as_real(torch.fft.rfft2(forcing.double()))
        for name, tensor in parts.items():
            self.register_buffer(name, tensor.to(dtype), persistent=False)

    def velocity(self, w: Float[Tensor, "batch n n"]) -> tuple[Tensor, Tensor]:
        """Return the components of the velocity along x and y, each ``(batch, n, n)``."""
        psi = torch.fft.rfft2(w) * self.inverse_laplacian
        return self._points(1j * self.wave_y * psi), self._points(-1j * self.wave_x * psi)

    def later(self, w: Float[Tensor, "batch n n"]) -> Float[Tensor, "batch n n"]:
        """Return the vorticity one time step later."""
        h = self.time_step
        now = torch.fft.rfft2(w)
        half = self.decay
        whole = self.decay.square()
        k1 = self._change(now)
        k2 = self._change(half * (now + h / 2 * k1))
        k3 = self._change(half * now + h / 2 * k2)
        k4 = self._change(whole * now + h * half * k3)
        later = whole * now + h / 6 * (whole * k1 + 2 * half * (k2 + k3) + k4)
        return self._points(later)

    def _change(self, spectrum: Tensor) -> Tensor:
        """Return ``f - u . grad w``, as ``f - div(u w)``, of a spectrum ``(batch, n, n // 2 + 1)``."""
        kept = spectrum * self.kept
        psi = kept * self.inverse_laplacian
        w = self._points(kept)
        across = torch.fft.rfft2(self._points(1j * self.wave_y * psi) * w)
        along = torch.fft.rfft2(self._points(-1j * self.wave_x * psi) * w)
        transport = 1j * (self.wave_x * across + self.wave_y * along) * self.kept
        change: Tensor = torch.view_as_complex(self.forcing) - transport
        return change

    def _points(self, spectrum: Tensor) -> Tensor:
        values: Tensor = torch.fft.irfft2(spectrum, s=(self.n, self.n))
        return values


def _spectral_tables(n: int, side: float, spread: float) -> dict[str, Tensor]:
    """Return wavenumbers, the inverse Laplacian, the modes that products keep and ``exp(-spread k^2)``."""
    whole = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64)[:, None]
    half = torch.fft.rfftfreq(n, 1 / n, dtype=torch.float64)[None]
    unit = 2 * math.pi / side
    square = unit**2 * (whole.square() + half.square())
    is_kept = (whole.abs() < n / 3) & (half.abs() < n / 3)
    return {
        "wave_x": unit * whole,
        "wave_y": unit * half,
        "inverse_laplacian": torch.where(square > 0, 1 / square.clamp_min(unit**2), 0.0),
        "kept": is_kept.double(),
        "decay": torch.exp(-spread * square),
    }
