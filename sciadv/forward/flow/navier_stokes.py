"""The vorticity of a two-dimensional flow some time later: the forward of finding how a flow began."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.autodiff import forward_mode
from sciadv.forward.base import Forward, expect_image
from sciadv.physics.vorticity import PeriodicFlow
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Shape, Whole


@final
class NavierStokesVorticity(Forward):
    """Vorticity at a later time, at every n-th point, of an incompressible flow in a periodic square.

    ``w_t + u . grad w = viscosity laplacian w + forcing``, with ``w(0) = strength x``; the mean of w takes no
    part, since a periodic flow has none. The defaults are those of the benchmark InverseBench [1]_: side
    2 pi, Reynolds number 200, forcing ``-4 cos(4 y)``, time 1, every second point.

    Parameters
    ----------
    in_shape
        (1, n, n): the initial vorticity over x and y, the second axis; periodic.
    strength
        Vorticity of x = 1 [1 / time].
    time
        When it is measured [time].
    viscosity
        Kinematic [length^2 / time]; with a velocity and a length of 1, one over the Reynolds number.
    side
        Of the square [length].
    forcing
        Amplitude of the steady forcing ``-forcing cos(forcing_mode y 2 pi / side)`` [1 / time^2].
    forcing_mode
        Its periods over the side.
    every
        Which points are measured: 1 for all, 2 for every second one of each row and column, ...
    largest_speed
        Speed that the time steps are made for [length / time].
    courant
        Part of a point's spacing that this speed goes in a step.
    most_steps
        Time steps above which the operator is refused, since it would take too long.
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        The candidates are no square with one channel, `every` does not divide its side, or the time takes
        more than `most_steps` steps.

    Notes
    -----
    Pseudo-spectral with dealiasing, fourth order in time (`sciadv.physics.vorticity`); the steps are of one
    length, ``time largest_speed / (courant side / n)`` of them. A flow faster than `largest_speed` by about
    half is not stable, and gives values that are not finite. `vjp` keeps the vorticity of each step, and no
    more; torch's own gradient through the operator keeps about 40 times as much.

    References
    ----------
    .. [1] H. Zheng et al. InverseBench: benchmarking plug-and-play diffusion priors for inverse problems in
       physical sciences. ICLR 2025.

    Examples
    --------
    >>> import torch
    >>> F = NavierStokesVorticity((1, 16, 16), time=0.1)
    >>> F(torch.zeros(2, 1, 16, 16)).shape
    torch.Size([2, 1, 8, 8])
    """

    kind = "navier-stokes-vorticity"

    is_linear = False

    @checked
    def __init__(  # noqa: PLR0913  # what an experiment is: the fluid, what drives it and what is measured
        self,
        in_shape: Shape,
        *,
        strength: Positive = 1.0,
        time: Positive = 1.0,
        viscosity: Positive = 1 / 200,
        side: Positive = 2 * math.pi,
        forcing: float = 4.0,
        forcing_mode: Whole = 4,
        every: Count = 2,
        largest_speed: Positive = 10.0,
        courant: Positive = 0.7,
        most_steps: Count = 100_000,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, height, width = expect_image(in_shape, "NavierStokesVorticity")
        if channels != 1 or height != width or height % every or height < 4 or dtype.is_complex:
            raise InputError(
                f"NavierStokesVorticity takes real squares (1, n, n), n >= 4, whose side is a multiple of "
                f"every = {every}, but in_shape is {in_shape} of {dtype}"
            )
        super().__init__(in_shape, (1, height // every, height // every), dtype=dtype, device=device)
        n_steps = time * largest_speed * height / (courant * side)
        if not n_steps <= most_steps:
            raise InputError(
                f"a time of {time:g} at speeds up to {largest_speed:g} takes {n_steps:.3g} steps, more than "
                f"most_steps = {most_steps}; give a shorter time, a smaller speed or a larger courant"
            )
        self.strength = strength
        self.every = every
        self.n_steps = math.ceil(n_steps)
        y = torch.arange(height, dtype=torch.float64) / height
        driven = -forcing * torch.cos(2 * math.pi * forcing_mode * y).expand(height, height)
        self.flow = PeriodicFlow(
            height,
            side=side,
            viscosity=viscosity,
            forcing=driven,
            time_step=time / self.n_steps,
            dtype=dtype,
        ).to(device)

    def forward(self, x: Float[Tensor, "batch 1 n n"]) -> Float[Tensor, "batch 1 m m"]:
        """Return the vorticity at the measured points."""
        w = self._start(x)
        for _ in range(self.n_steps):
            w = self.flow.later(w)
        return self._measured(w)

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return the change along `tangent`, carried along with the flow."""
        return forward_mode(self, x, tangent)[1]

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return the adjoint derivative, by going back over the steps, each computed again."""
        w = self._start(x)
        passed = []
        for _ in range(self.n_steps):
            passed.append(w)
            w = self.flow.later(w)
        pulled: Tensor = torch.func.vjp(self._measured, w)[1](cotangent)[0]
        for w in reversed(passed):
            pulled = torch.func.vjp(self.flow.later, w)[1](pulled)[0]
        gradient: Tensor = torch.func.vjp(self._start, x)[1](pulled)[0]
        return gradient

    def _start(self, x: Tensor) -> Tensor:
        w = self.strength * x[:, 0]
        return w - w.mean((1, 2), keepdim=True)

    def _measured(self, w: Tensor) -> Tensor:
        return w[:, None, :: self.every, :: self.every]
