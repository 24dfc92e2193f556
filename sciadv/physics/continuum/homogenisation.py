"""Effective properties of periodic plane microstructures, one value a pixel, for many of them at once.

The fields are those of bilinear finite elements, one a pixel, and minimise the energy: the conductivity is
what any finite element code gives on this mesh, an upper bound of that of the pixels' geometry.
The equations are solved by conjugate gradients, preconditioned by a homogeneous medium in Fourier space
(Ladecky et al. 2023), so that the number of steps depends on the contrast of the phases and not on the number
of pixels. Arrays go as images do, ``(height, width)`` from the top; components are (to the right, upwards).

References
----------
Ladecky, Leute, Falsafi, Pultarova, Pastewka, Junge and Zeman, An optimal preconditioned FFT-accelerated
finite element solver for homogenization, Appl. Math. Comput. 446, 2023, 127835. Keller, A theorem on the
conductivity of a composite medium, J. Math. Phys. 5, 1964, 548-549 (fluxes as turned gradients, for the lower
bound).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError, SolveError
from sciadv.physics.continuum.elasticity import element_stiffness


def effective_conductivity(conductivity: Tensor, *, tolerance: float = 1e-6, n_steps: int = 1000) -> Tensor:
    """Return the conductivity tensors ``(batch, 2, 2)`` of periodic cells.

    Parameters
    ----------
    conductivity
        Of the pixels, > 0; ``(batch, height, width)``.
    tolerance
        Preconditioned norm of the residual, over that at the start, at which the conjugate gradients stop:
        the relative error of the gradient; that of the result is its square.
    n_steps
        Conjugate gradient steps at most.

    Raises
    ------
    InputError
        A conductivity is not finite and positive.
    SolveError
        The steps were not enough.

    Notes
    -----
    Once differentiable, in forward and reverse mode, without a further solve: the fields minimise the energy,
    so that its derivative is that at constant fields. Two solves a cell.

    Examples
    --------
    Layers conduct as their arithmetic mean along and their harmonic mean across:

    >>> import torch
    >>> layers = torch.tensor([1.0, 3.0], dtype=torch.float64).repeat(4)[:, None].expand(1, 8, 8)
    >>> [round(float(k), 6) for k in effective_conductivity(layers)[0].diagonal()]
    [2.0, 1.5]
    """
    element = _double([[4, -1, -2, -1], [-1, 4, -1, -2], [-2, -1, 4, -1], [-1, -2, -1, 4]]) / 6
    even = [[right, up] for right, up in _corner_places()]
    return _Cell(element, _double(even).T).effective(conductivity, tolerance, n_steps)


def conductivity_bounds(
    conductivity: Tensor, *, tolerance: float = 1e-6, n_steps: int = 1000
) -> tuple[Tensor, Tensor]:
    """Return a lower and an upper bound of the conductivities ``(batch, 2, 2)`` of the pixels' geometry.

    The upper one is `effective_conductivity`; the lower one is the inverse of the resistivity that the same
    elements give for the fluxes, which are gradients turned by a right angle (Keller 1964). Their distance
    says how much the result may change on a finer grid. See `effective_conductivity` for the parameters.
    """
    upper = effective_conductivity(conductivity, tolerance=tolerance, n_steps=n_steps)
    turned = effective_conductivity(1 / conductivity, tolerance=tolerance, n_steps=n_steps)
    quarter = upper.new_tensor([[0.0, -1.0], [1.0, 0.0]])
    return torch.linalg.inv(quarter @ turned @ quarter.T), upper


def hashin_shtrikman(first: float, second: float, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least and the largest conductivity of a plane mixture of two phases that has no direction.

    Half the trace of the tensor of one that has directions is between them as well.

    Parameters
    ----------
    first, second
        Conductivities of the phases, > 0.
    share
        Of the second phase, any shape.

    References
    ----------
    Z. Hashin, S. Shtrikman, A variational approach to the theory of the effective magnetic permeability of
    multiphase materials, J. Appl. Phys. 33, 1962, 3125-3131; K. A. Lurie, A. V. Cherkaev, Exact estimates of
    conductivity of composites formed by two isotropically conducting media, Proc. R. Soc. Edinburgh A 99,
    1984, 71-87 (with directions).

    Examples
    --------
    >>> low, high = hashin_shtrikman(1.0, 3.0, torch.tensor(0.5))
    >>> round(float(low), 4), round(float(high), 4)
    (1.6667, 1.8)
    """
    ends = [
        by + 1 / (1 / (other - by) / part + (1 - part) / (2 * by) / part)
        for by, other, part in ((first, second, share), (second, first, 1 - share))
        if first != second
    ]
    if not ends:
        ends = [torch.full_like(share, first)] * 2
    low, high = torch.minimum(*ends), torch.maximum(*ends)
    return low, high


def effective_stiffness(
    modulus: Tensor,
    *,
    poisson_ratio: float = 0.3,
    hourglass: float = 0.01,
    tolerance: float = 1e-6,
    n_steps: int = 1000,
) -> Tensor:
    """Return the stiffness ``(batch, 3, 3)`` of periodic cells in plane stress, per unit thickness.

    From strains to stresses, (right, up, shear) each, with the shear strain that is the change of a right
    angle (Voigt's).

    Parameters
    ----------
    modulus
        Young's modulus of the pixels, > 0; ``(batch, height, width)``.
    poisson_ratio
        Of every pixel.
    hourglass
        Part of the stiffness that pixels keep against the two deformations that a point in their middle does
        not see. With 1, pixels are exact bilinear elements and the result is an upper bound.
    tolerance, n_steps
        As in `effective_conductivity`.

    Raises
    ------
    InputError
        A modulus is not finite and positive.
    SolveError
        The steps were not enough.

    Notes
    -----
    Where two phases meet in corners, exact bilinear elements are too stiff: by 1.3 to 3.4 % in cells of a
    sandstone of 64 x 64 pixels and a contrast of 19. Strains in the middle of the pixels alone are what the
    rotated scheme of Willot has, and are within 0.4 % there.

    References
    ----------
    F. Willot, Fourier-based schemes for computing the mechanical response of composites with accurate local
    fields, C. R. Mecanique 343, 2015, 232-245. M. Schneider, D. Merkert, M. Kabel, FFT-based homogenization
    for microstructures discretized by linear hexahedral elements, Int. J. Numer. Methods Eng. 109, 2017,
    1461-1489 (the scheme as elements of one point).

    Examples
    --------
    >>> import torch
    >>> even = effective_stiffness(torch.ones(1, 4, 4, dtype=torch.float64))
    >>> [round(float(c), 6) + 0.0 for c in even[0, 0]]  # 1 / (1 - nu^2), nu / (1 - nu^2)
    [1.098901, 0.32967, 0.0]
    """
    even = [[(right, 0.0), (0.0, up), (up / 2, right / 2)] for right, up in _corner_places()]
    affine = _double(even).transpose(0, 1).reshape(3, 8)
    full = element_stiffness(poisson_ratio)
    middle = element_stiffness(poisson_ratio, n_gauss=1)
    element = middle + hourglass * (full - middle)
    cell = _Cell(_double(element.tolist()), affine)
    return cell.effective(modulus, tolerance, n_steps)


def _double(numbers: Sequence[Sequence[object]]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def _corner_places() -> tuple[tuple[int, int], ...]:
    """Return (right, up) of a pixel's corners from its lower left one, counterclockwise."""
    return (0, 0), (1, 0), (1, 1), (0, 1)


@dataclass(frozen=True)
class _Cell:
    """What one pixel does.

    Parameters
    ----------
    element
        Its matrix at unit coefficient ``(4 components, 4 components)``, corner by corner.
    affine
        Values at its corners of each even gradient ``(gradients, 4 components)``.
    """

    element: Tensor
    affine: Tensor

    def effective(self, coefficient: Tensor, tolerance: float, n_steps: int) -> Tensor:
        """Return the effective property ``(batch, gradients, gradients)``; fields count as constant."""
        if coefficient.ndim != 3 or not bool(((coefficient > 0) & coefficient.isfinite()).all()):
            raise InputError(
                "pixels must be finite numbers > 0 of shape (batch, height, width), but their shape is "
                f"{tuple(coefficient.shape)} and they go from {float(coefficient.min()):g} to "
                f"{float(coefficient.max()):g}"
            )
        here = _Cell(self.element.to(coefficient.device), self.affine.to(coefficient.device))
        most = 2**15 if coefficient.device.type == "cpu" else 2**22  # what stays in a processor's cache
        chunk = max(1, most // coefficient[0].numel())
        with torch.no_grad():
            parts = torch.split(coefficient.detach().double(), chunk)
            densities = torch.cat([here.densities(part, tolerance, n_steps) for part in parts])
        return (densities.to(coefficient) * coefficient[:, None, None]).mean((-2, -1))

    def densities(self, coefficient: Tensor, tolerance: float, n_steps: int) -> Tensor:
        """Return the energies ``(batch, gradients, gradients, ...)`` of pairs of fields, per coefficient."""
        k = coefficient[:, None, None]
        even = self.affine[None, :, :, None, None].expand(len(k), -1, -1, *k.shape[-2:])
        inverse = self.inverse_symbol(k.shape[-2], k.shape[-1])

        def force(u: Tensor) -> Tensor:
            return _gathered(self.times(_at_corners(u)) * k)

        def smooth(r: Tensor) -> Tensor:
            spectrum = torch.einsum("ijhw,bgjhw->bgihw", inverse, torch.fft.rfft2(r).to(inverse.dtype))
            smoothed: Tensor = torch.fft.irfft2(spectrum, s=r.shape[-2:])
            return smoothed

        u = _conjugate_gradients(force, smooth, -_gathered(self.times(even) * k), tolerance, n_steps)
        fields = even + _at_corners(u)
        return torch.einsum("bgihw,bkihw->bgkhw", fields, self.times(fields))

    def times(self, corners: Tensor) -> Tensor:
        """Apply the element's matrix to values at the corners ``(batch, gradients, 4 components, ...)``."""
        return torch.einsum("ij,bgjhw->bgihw", self.element, corners)

    def inverse_symbol(self, height: int, width: int) -> Tensor:
        """Return the inverse of a homogeneous medium's matrix for each wave of a real transform.

        ``(components, components, height, width // 2 + 1)``; 0 at the mean, which it leaves undetermined.
        """
        like = self.element
        down = 2 * math.pi * torch.fft.fftfreq(height, dtype=like.dtype, device=like.device)[:, None]
        right = 2 * math.pi * torch.fft.rfftfreq(width, dtype=like.dtype, device=like.device)[None]
        waves = torch.stack([(1j * (right * x - down * y)).exp() for x, y in _corner_places()])
        n = len(like) // 4
        blocks = like.reshape(4, n, 4, n).to(waves.dtype)
        symbol = torch.einsum("aibj,ahw,bhw->hwij", blocks, waves.conj(), waves)
        symbol[0, 0] = torch.eye(n)
        inverse: Tensor = torch.linalg.inv(symbol)
        inverse[0, 0] = 0
        return inverse.permute(2, 3, 0, 1)


def _at_corners(u: Tensor) -> Tensor:
    """Return nodal values ``(..., components, height, width)`` at the pixels' corners, lower left first."""
    right = u.roll(-1, -1)
    return torch.cat([u, right, right.roll(1, -2), u.roll(1, -2)], -3)


def _gathered(corners: Tensor) -> Tensor:
    """Return the sums at the nodes of what pixels have at their corners: the adjoint of `_at_corners`."""
    lower_left, lower_right, upper_right, upper_left = corners.chunk(4, -3)
    upper = upper_left + upper_right.roll(1, -1)
    return lower_left + lower_right.roll(1, -1) + upper.roll(-1, -2)


def _conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    precondition: Callable[[Tensor], Tensor],
    b: Tensor,
    tolerance: float,
    n_steps: int,
) -> Tensor:
    """Solve ``A x = b`` for each row and gradient, which stop one by one."""

    def dot(one: Tensor, other: Tensor) -> Tensor:
        return (one * other).sum((2, 3, 4), keepdim=True)

    x = torch.zeros_like(b)
    r = b
    direction = precondition(r)
    size = dot(r, direction)
    enough = tolerance**2 * size
    for _ in range(n_steps):
        is_going = size > enough
        if not bool(is_going.any()):
            return x
        image = apply(direction)
        length = torch.where(is_going, size / dot(direction, image), 0.0)
        x = x + length * direction
        r = r - length * image
        smooth = precondition(r)
        new = torch.where(is_going, dot(r, smooth), size)
        direction = smooth + torch.where(is_going, new / size, 0.0) * direction
        size = new
    raise SolveError(
        f"the fields of a cell are not found to {tolerance:g} after {n_steps} steps; raise `n_steps`, or "
        "make the contrast of its phases smaller"
    )
