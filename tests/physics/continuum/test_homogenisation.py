import math

import numpy as np
import pytest
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from sciadv.errors import InputError, SolveError
from sciadv.physics.continuum.cells_by_skfem import (
    cell_compliance_by_skfem,
    conductivity_by_skfem,
    stiffness_by_skfem,
)
from sciadv.physics.continuum.elasticity import element_stiffness
from sciadv.physics.continuum.homogenisation import (
    conductivity_bounds,
    effective_conductivity,
    effective_stiffness,
)


def blobs(batch, size, *, contrast, seed=0, wavelength=16):
    """Two phases with features of about half a wavelength, in pixels."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch, size, size, generator=generator, dtype=torch.float64)
    q = torch.fft.fftfreq(size, dtype=torch.float64)
    near = torch.exp(-((torch.hypot(q[:, None], q[None]) * wavelength) ** 2))
    smooth = torch.fft.ifft2(torch.fft.fft2(noise) * near).real
    return 1 + (contrast - 1) * (smooth > 0).double()


def by_sparse_matrix(coefficient, element, even):
    """Return the effective tensor by an assembled matrix and a direct solve; corners from the upper left."""
    n_gradients, per_corner = len(even), element.shape[0] // 4
    height, width = coefficient.shape
    i, j = (index.ravel() for index in np.indices((height, width)))
    # counterclockwise from the lower left; node (i, j) is the upper left corner of pixel (i, j)
    corner = [((i + 1) % height, j), ((i + 1) % height, (j + 1) % width), (i, (j + 1) % width), (i, j)]
    node = np.stack([row * width + column for row, column in corner], 1)
    dof = (per_corner * node[:, :, None] + np.arange(per_corner)).reshape(len(node), -1)
    values = coefficient.ravel()[:, None, None] * element
    rows = np.broadcast_to(dof[:, :, None], values.shape)
    columns = np.broadcast_to(dof[:, None, :], values.shape)
    size = per_corner * height * width
    matrix = coo_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size)).tocsc()
    fields = []
    for gradient in even:
        force = np.zeros(size)
        np.add.at(force, dof, -coefficient.ravel()[:, None] * (element @ gradient))
        u = np.zeros(size)
        u[per_corner:] = spsolve(matrix[per_corner:, per_corner:], force[per_corner:])
        fields.append(u[dof] + gradient)
    effective = np.zeros((n_gradients, n_gradients))
    for a in range(n_gradients):
        for b in range(n_gradients):
            energy = np.einsum("ei,ij,ej->e", fields[a], element, fields[b])
            effective[a, b] = (coefficient.ravel() * energy).mean()
    return effective


CONDUCTION = np.array([[4, -1, -2, -1], [-1, 4, -1, -2], [-2, -1, 4, -1], [-1, -2, -1, 4]]) / 6


@pytest.mark.parametrize("contrast", [0.1, 20.0])
def test_conductivity_is_that_of_an_assembled_matrix(contrast):
    k = blobs(1, 16, contrast=contrast, wavelength=6)[:, :, :13]
    even = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    expected = by_sparse_matrix(k[0].numpy(), CONDUCTION, even)
    np.testing.assert_allclose(effective_conductivity(k)[0].numpy(), expected, rtol=1e-8, atol=1e-9)


def test_stiffness_is_that_of_an_assembled_matrix():
    modulus = blobs(1, 12, contrast=20.0, wavelength=6)[:, :, :9]
    right, up = np.array([0.0, 1, 1, 0]), np.array([0.0, 0, 1, 1])
    zero = np.zeros(4)
    pairs = [(right, zero), (zero, up), (up / 2, right / 2)]
    even = np.array([np.stack(pair, 1).ravel() for pair in pairs])
    expected = by_sparse_matrix(modulus[0].numpy(), element_stiffness(0.3), even)
    found = effective_stiffness(modulus, hourglass=1.0)[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


def test_stiffness_is_between_the_bounds_of_scikit_fem_where_bilinear_elements_are_above():
    pytest.importorskip("skfem")
    modulus = blobs(1, 32, contrast=20.0, wavelength=8)
    upper = stiffness_by_skfem(modulus[0].numpy())
    lower = np.linalg.inv(cell_compliance_by_skfem(modulus[0].numpy()))
    assert np.linalg.eigvalsh(upper - lower).min() > 0
    middle = np.sqrt(upper.diagonal() * lower.diagonal())
    assert (upper.diagonal() / lower.diagonal()).max() < 1.04
    found = effective_stiffness(modulus)[0].diagonal().numpy()
    bilinear = effective_stiffness(modulus, hourglass=1.0)[0].diagonal().numpy()
    np.testing.assert_allclose(found, middle, rtol=0.01)
    assert (bilinear / upper.diagonal()).min() > 1.005


def test_scikit_fem_has_the_stiffness_of_an_even_cell_and_of_layers():
    pytest.importorskip("skfem")
    hooke = np.array([[1, 0.3, 0], [0.3, 1, 0], [0, 0, 0.35]]) / 0.91
    even = np.full((3, 5), 2.0)
    np.testing.assert_allclose(stiffness_by_skfem(even), 2 * hooke, atol=1e-10)
    np.testing.assert_allclose(cell_compliance_by_skfem(even), np.linalg.inv(2 * hooke), atol=1e-10)
    layers = np.repeat([[1.0], [1.0], [4.0]], 4, 1)
    for found in (stiffness_by_skfem(layers), np.linalg.inv(cell_compliance_by_skfem(layers))):
        # across: 1 / <1 / C22>; shear in series; along: <E> and what the strain across carries
        across = 3 / (1 + 1 + 1 / 4) / 0.91
        along = 2.0 + 0.3**2 * across
        expected = [[along, 0.3 * across, 0], [0.3 * across, across, 0], [0, 0, 0.35 * across]]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_conductivity_is_within_one_percent_of_scikit_fem_with_quadratic_elements_on_half_the_pixels():
    pytest.importorskip("skfem")
    k = blobs(1, 32, contrast=3.0, wavelength=16)
    fine = k[0].repeat_interleave(2, 0).repeat_interleave(2, 1).numpy()
    got = effective_conductivity(k)[0].numpy()
    np.testing.assert_allclose(got, conductivity_by_skfem(fine), rtol=0.01, atol=0.002)


@pytest.mark.parametrize("contrast", [3.0, 1000.0])
def test_layers_are_exact(contrast):
    k = torch.tensor([1.0, 1.0, contrast], dtype=torch.float64).repeat(3)[None, None].expand(1, 5, 9)
    got = effective_conductivity(k)[0]
    across, along = 1 / ((2 + 1 / contrast) / 3), (2 + contrast) / 3
    expected = torch.tensor([[across, 0.0], [0.0, along]], dtype=torch.float64)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)
    modulus = effective_stiffness(k, poisson_ratio=0.0)[0].diagonal()
    torch.testing.assert_close(modulus[:2], expected.diagonal(), rtol=1e-10, atol=0)


def test_results_keep_the_bounds_of_hashin_and_shtrikman():
    low, high = 1.0, 10.0
    k = blobs(6, 64, contrast=high, wavelength=8)
    part = (k == high).double().mean((1, 2))
    lower = low + part / (1 / (high - low) + (1 - part) / (2 * low))
    upper = high + (1 - part) / (1 / (low - high) + part / (2 * high))
    mean = effective_conductivity(k).diagonal(dim1=1, dim2=2).mean(1)
    assert bool((mean > lower).all())
    assert bool((mean < upper).all())


def test_bounds_of_a_checkerboard_enclose_the_root_of_the_product_and_close_in():
    def bounds(size):
        row = torch.arange(size) // (size // 2)
        k = torch.where((row[:, None] + row[None]) % 2 == 0, 1.0, 4.0).double()
        lower, upper = conductivity_bounds(k[None])
        return float(lower[0, 0, 0]), float(upper[0, 0, 0])

    widths = []
    for size in (8, 32, 128):
        lower, upper = bounds(size)
        assert lower < 2.0 < upper
        assert math.sqrt(lower * upper) == pytest.approx(2.0, rel=1e-9)
        widths.append(upper - lower)
    assert widths[2] < 0.4 * widths[1] < 0.16 * widths[0]
    assert upper == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize("inside", [0.1, 10.0])
def test_few_round_inclusions_are_maxwells(inside):
    at = torch.arange(128, dtype=torch.float64) - 63.5
    is_inside = (torch.hypot(at[:, None], at[None]) < 16).double()
    k = 1 + (inside - 1) * is_inside
    part = float(is_inside.mean())
    contrast = (inside - 1) / (inside + 1)
    expected = (1 + part * contrast) / (1 - part * contrast)
    lower, upper = conductivity_bounds(k[None])
    assert float(upper[0, 0, 0]) == pytest.approx(expected, rel=0.01)
    assert float((lower * upper)[0, 0, 0].sqrt()) == pytest.approx(expected, rel=0.002)


def test_a_turned_cell_has_the_turned_tensor():
    k = blobs(1, 24, contrast=8.0, wavelength=8)
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    turned = effective_conductivity(k.rot90(1, (1, 2)))[0]
    torch.testing.assert_close(
        turned, quarter @ effective_conductivity(k)[0] @ quarter.T, rtol=1e-8, atol=1e-8
    )


@pytest.mark.parametrize("effective", [effective_conductivity, effective_stiffness])
def test_gradient_is_the_finite_difference_in_both_modes(effective):
    k = blobs(1, 6, contrast=3.0, wavelength=3)[:, :, :4].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda k: effective(k, tolerance=1e-11), k, check_forward_ad=True)


def test_a_batch_is_a_loop_and_single_precision_follows_double():
    k = blobs(3, 16, contrast=50.0)
    both = effective_conductivity(k)
    torch.testing.assert_close(both[2:], effective_conductivity(k[2:]), rtol=1e-9, atol=1e-9)
    single = effective_conductivity(k.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), both, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_solved_is_said():
    with pytest.raises(InputError, match="> 0"):
        effective_conductivity(torch.zeros(1, 3, 3))
    with pytest.raises(InputError, match="batch, height, width"):
        effective_conductivity(torch.ones(3, 3))
    with pytest.raises(SolveError, match="n_steps"):
        effective_conductivity(blobs(1, 16, contrast=100.0), n_steps=2)
