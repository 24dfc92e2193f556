"""Periodic surfaces by their Fourier coefficients: heights, slopes, and what symmetry makes equal.

``h(x) = sum_k a_k cos(2 pi k x) + b_k sin(2 pi k x)`` with x in periods and one wave vector k of each pair
(k, -k), up to the n-th harmonic in each direction.
"""

from __future__ import annotations

import math
from itertools import permutations, product
from typing import final

import torch
from torch import Tensor


@final
class Harmonics:
    """The first n harmonics of a surface that is periodic in one direction or two.

    Coefficients are ``(batch, 2 vectors)``: all cosines ``a_k``, then all sines ``b_k``, in units of the
    heights.

    Parameters
    ----------
    n
        Harmonics in each direction.
    n_directions
        1, profiles, or 2.

    Examples
    --------
    >>> import torch
    >>> waves = Harmonics(1, 2)
    >>> waves.vectors.tolist()
    [[0.0, 1.0], [1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]
    >>> cosine = torch.zeros(1, waves.n_coefficients)
    >>> cosine[0, 2] = 2.0  # k = (1, 0)
    >>> [round(height) for height in waves.heights(cosine, 4)[0, 1].tolist()]
    [2, 0, -2, 0]
    """

    def __init__(self, n: int, n_directions: int) -> None:
        sides = product(range(-n, n + 1), repeat=n_directions)
        # the first number of a vector that is not 0 is positive
        vectors = [side for side in sides if side > (0,) * n_directions]
        self.vectors = torch.tensor(vectors, dtype=torch.float64)
        self._place = {vector: i for i, vector in enumerate(vectors)}

    @property
    def n_coefficients(self) -> int:
        """Numbers of a surface."""
        return 2 * len(self.vectors)

    @property
    def lengths(self) -> Tensor:
        """``|k|`` of each coefficient ``(coefficients,)``."""
        return self.vectors.square().sum(1).sqrt().repeat(2)

    def heights(self, coefficients: Tensor, n_points: int) -> Tensor:
        """Return the heights on a square grid ``(batch, points)`` or ``(batch, points, points)``.

        The first direction is along the last axis.
        """
        cosines, sines = self._waves(n_points, coefficients)
        a, b = coefficients.chunk(2, 1)
        height: Tensor = a @ cosines + b @ sines
        return height.reshape(len(height), *[n_points] * self.vectors.shape[1])

    def slopes(self, coefficients: Tensor, n_points: int) -> Tensor:
        """Return the slope's size on the same grid, for a period of 1, exact at its points."""
        a, b = coefficients.chunk(2, 1)
        gradient = []
        for number in 2 * math.pi * self.vectors.T.to(coefficients):
            turned = torch.cat([number * b, -number * a], 1)
            gradient.append(self.heights(turned, n_points))
        size: Tensor = torch.linalg.vector_norm(torch.stack(gradient), dim=0)
        return size

    def _waves(self, n_points: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cosines and the sines of every vector ``(vectors, points ...)``."""
        position = torch.arange(n_points, dtype=torch.float64) / n_points
        grid = torch.cartesian_prod(*[position] * self.vectors.shape[1]).reshape(-1, self.vectors.shape[1])
        phase = 2 * math.pi * self.vectors.flip(1) @ grid.T
        return phase.cos().to(like), phase.sin().to(like)

    def canonical(self, coefficients: Tensor) -> Tensor:
        """Return one surface of all that shifts, mirrors and, in two directions, swapping these make equal.

        The first harmonic of each direction is a cosine with a positive coefficient; among mirrored and
        swapped surfaces it is that whose coefficients come last, compared one after the other. Surfaces whose
        first harmonics are 0 are not shifted.
        """
        a, b = coefficients.double().chunk(2, 1)
        surface = torch.complex(a, b)
        images = [self._shifted(image) for image in self._images(surface)]
        every = torch.stack([torch.cat([image.real, image.imag], 1) for image in images])
        best = every[0]
        for other in every[1:]:
            best = torch.where(_is_after(other, best)[:, None], other, best)
        return best.to(coefficients)

    def _shifted(self, surface: Tensor) -> Tensor:
        """Return surfaces ``c = a + i b`` shifted so that their first harmonics are positive cosines.

        ``h = Re(c exp(-2 pi i k x))``: a shift by s turns c by ``-2 pi k s``.
        """
        n_directions = self.vectors.shape[1]
        units = torch.eye(n_directions, dtype=torch.long).tolist()
        first = torch.stack([surface[:, self._place[tuple(unit)]] for unit in units], 1)
        turn = first.angle() @ self.vectors.T.to(first.device)
        return surface * torch.polar(torch.ones_like(turn), -turn)

    def _images(self, surface: Tensor) -> list[Tensor]:
        """Return surfaces and their images in mirrors and, in two directions, with these swapped."""
        n_directions = self.vectors.shape[1]
        found = []
        for signs in product((1, -1), repeat=n_directions):
            for order in permutations(range(n_directions)):
                rows = [
                    [signs[i] * (j == order[i]) for j in range(n_directions)] for i in range(n_directions)
                ]
                found.append(self._image(surface, torch.tensor(rows, dtype=torch.float64)))
        return found

    def _image(self, surface: Tensor, matrix: Tensor) -> Tensor:
        """Return the surfaces ``h(M x)``, whose coefficient of k is that of ``M k`` (M orthogonal)."""
        sources = [tuple(vector) for vector in (self.vectors @ matrix.T).int().tolist()]
        columns = []
        for source in sources:
            opposite = tuple(-number for number in source)
            is_there = source in self._place
            column = surface[:, self._place[source if is_there else opposite]]
            columns.append(column if is_there else column.conj())
        return torch.stack(columns, 1)


def _is_after(one: Tensor, other: Tensor) -> Tensor:
    """Whether coefficients ``(batch, n)`` are larger where they first differ by more than rounding."""
    difference = one - other
    differs = difference.abs() > 1e-9 * other.abs().amax(1, keepdim=True)
    first = differs.to(torch.uint8).argmax(1, keepdim=True)
    return ((difference > 0) & differs).gather(1, first).squeeze(1)
