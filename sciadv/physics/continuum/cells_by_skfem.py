"""Effective properties of periodic cells by the package scikit-fem, which shares no code with ours.

Fields of minimal energy give an upper bound of a conductivity or stiffness, and of the inverse; both enclose
the property of the pixels' geometry, and their distance says how exact that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.errors import MissingPackageError

Array = npt.NDArray[np.float64]


def conductivity_by_skfem(k: Array) -> Array:
    """Return the upper bound ``(2, 2)`` of a periodic cell's conductivity by biquadratic elements.

    Raises
    ------
    MissingPackageError
        `scikit-fem` is not installed.
    """
    skfem = _skfem()
    basis, field = _pixels(skfem, k, skfem.ElementQuad2())

    def energy(u: Any, v: Any, w: Mapping[str, Array]) -> Array:
        flux: Array = w["pixel"] * np.sum(u.grad * v.grad, 0)
        return flux

    matrix = skfem.BilinearForm(energy).assemble(basis, pixel=field)
    return _effective(matrix, _owners(basis.doflocs, k.shape), basis.doflocs, n_even=1) / k.size


def stiffness_by_skfem(modulus: Array, *, poisson_ratio: float = 0.3) -> Array:
    """Return the upper bound ``(3, 3)`` of a periodic cell's stiffness in plane stress, biquadratic elements.

    Parameters
    ----------
    modulus
        Young's modulus of the pixels ``(height, width)``.
    poisson_ratio
        Of every pixel.

    Raises
    ------
    MissingPackageError
        `scikit-fem` is not installed.
    """
    skfem = _skfem()
    nu = poisson_ratio
    basis, field = _pixels(skfem, modulus, skfem.ElementVector(skfem.ElementQuad2()))

    def energy(u: Any, v: Any, w: Mapping[str, Array]) -> Array:
        (xx, xy), (yx, yy) = u.grad
        (at_xx, at_xy), (at_yx, at_yy) = v.grad
        direct = (xx + nu * yy) * at_xx + (yy + nu * xx) * at_yy
        shear = (1 - nu) / 2 * (xy + yx) * (at_xy + at_yx)
        product: Array = w["pixel"] / (1 - nu**2) * (direct + shear)
        return product

    matrix = skfem.BilinearForm(energy).assemble(basis, pixel=field)
    is_up = np.zeros(basis.N, dtype=bool)
    for numbers in (basis.nodal_dofs, basis.facet_dofs, basis.interior_dofs):
        is_up[numbers[1::2]] = True
    x, y = basis.doflocs
    even = [np.where(is_up, 0, x), np.where(is_up, y, 0), np.where(is_up, x, y) / 2]
    owners = 2 * _owners(basis.doflocs, modulus.shape) + is_up
    return _effective(matrix, owners, np.stack(even), n_even=2) / modulus.size


def cell_compliance_by_skfem(modulus: Array, *, poisson_ratio: float = 0.3) -> Array:
    """Return the upper bound ``(3, 3)`` of a periodic cell's compliance in plane stress.

    By the stresses of Airy's function, ``(phi_yy, phi_xx, -phi_xy)``, which are in equilibrium, in
    the bicubic elements of Bogner, Fox and Schmit, whose slopes are continuous. See `stiffness_by_skfem`.

    Raises
    ------
    MissingPackageError
        `scikit-fem` is not installed.

    References
    ----------
    Bogner, Fox and Schmit, The generation of interelement-compatible stiffness and mass matrices by the use
    of interpolation formulas, Proc. Conf. Matrix Methods in Structural Mechanics, 1965.
    """
    skfem = _skfem()
    nu = poisson_ratio
    basis, field = _pixels(skfem, modulus, skfem.ElementQuadBFS())

    def energy(u: Any, v: Any, w: Mapping[str, Array]) -> Array:
        (yy, shear), (_, xx) = u.hess
        (at_yy, at_shear), (_, at_xx) = v.hess
        direct = (xx - nu * yy) * at_xx + (yy - nu * xx) * at_yy
        product: Array = (direct + 2 * (1 + nu) * shear * at_shear) / w["pixel"]
        return product

    matrix = skfem.BilinearForm(energy).assemble(basis, pixel=field)
    x, y = basis.mesh.p
    one, zero = np.ones_like(x), np.zeros_like(x)
    # the function, its slopes to the right and upwards, and its mixed derivative
    nodal = [
        (y**2 / 2, zero, y, zero),
        (x**2 / 2, x, zero, zero),
        (-x * y, -y, -x, -one),
    ]
    even = np.zeros((3, basis.N))
    owners = np.zeros(basis.N, dtype=np.int64)
    for kind, numbers in enumerate(basis.nodal_dofs):
        even[:, numbers] = [values[kind] for values in nodal]
        owners[numbers] = 4 * _owners(basis.mesh.p, modulus.shape) + kind
    return _effective(matrix, owners, even, n_even=1) / modulus.size


def _skfem() -> ModuleType:
    try:
        import skfem
    except ImportError as error:
        raise MissingPackageError(
            "microstructures are verified by the package scikit-fem; pip install 'sciadv[design]'"
        ) from error
    module: ModuleType = skfem
    return module


def _pixels(skfem: ModuleType, values: Array, element: object) -> tuple[Any, Any]:
    """Return the basis of an element on squares of side 1, and the field of the pixels' values."""
    height, width = values.shape
    mesh = skfem.MeshQuad.init_tensor(np.arange(width + 1.0), np.arange(height + 1.0))
    basis = skfem.Basis(mesh, element)
    column, up = np.floor(mesh.p[:, mesh.t].mean(1)).astype(int)
    constant = basis.with_element(skfem.ElementQuad0())
    return basis, constant.interpolate(values[height - 1 - up, column])


def _owners(place: Array, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return a number of each place ``(2, n)``, the same on opposite sides of the cell."""
    height, width = shape
    size = np.array([[width], [height]])
    column, row = np.round(2 * place).astype(np.int64) % (2 * size)
    owners: npt.NDArray[np.int64] = column * 2 * height + row
    return owners


def _effective(matrix: Any, owners: npt.NDArray[np.int64], even: Array, *, n_even: int) -> Array:
    """Return the energies ``(fields, fields)`` of even fields and what is periodic, which minimises them.

    The first `n_even` unknowns are held, so that no field is added that is even all over the cell.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import splu

    n = len(owners)
    _, shared = np.unique(owners, return_inverse=True)
    fold = coo_matrix((np.ones(n), (np.arange(n), shared))).tocsr()
    factor = splu((fold.T @ matrix @ fold).tocsc()[n_even:, n_even:])
    force = fold.T @ (matrix @ even.T)
    periodic = np.zeros(force.shape)
    periodic[n_even:] = factor.solve(-force[n_even:])
    both = even + (fold @ periodic).T
    energies: Array = both @ (matrix @ both.T)
    return energies
