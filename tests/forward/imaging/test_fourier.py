import numpy as np
import pytest
import torch

from sciadv.errors import InputError
from sciadv.forward import MaskedFourier, to_dense


@pytest.mark.parametrize("size", [(9,), (8,), (6, 8), (5, 7), (6, 5), (4, 3, 5), (3, 6, 2)])
@pytest.mark.parametrize("is_centred", [True, False])
def test_data_are_numpys_transform(size: tuple, is_centred: bool):  # noqa: FBT001
    rng = np.random.default_rng(0)
    x, mask = rng.random((2, 3, *size)), rng.random(size) > 0.4
    axes = tuple(range(-len(size), 0))
    if is_centred:
        k = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(x, axes=axes), axes=axes, norm="ortho"), axes=axes)
    else:
        k = np.fft.fftn(x, axes=axes, norm="ortho")
    A = MaskedFourier((3, *size), mask, is_centred=is_centred, dtype=torch.float64)
    np.testing.assert_allclose(A(torch.from_numpy(x)), k[..., mask], atol=1e-12)


def test_zero_frequency_is_at_the_centre():
    mask = np.zeros((5, 6), dtype=bool)
    mask[2, 3] = True
    y = MaskedFourier((1, 5, 6), mask)(torch.ones(1, 1, 5, 6))
    torch.testing.assert_close(y, torch.full((1, 1, 1), 30**0.5 + 0j))


def test_fully_sampled_complex_transform_is_unitary():
    A = MaskedFourier((1, 4, 5), np.ones((4, 5)) > 0, dtype=torch.complex128)
    matrix = to_dense(A)
    torch.testing.assert_close(matrix @ matrix.mH, torch.eye(20, dtype=torch.complex128))


def test_adjoint_of_full_sampling_is_the_inverse():
    x = torch.rand(2, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    A = MaskedFourier((1, 4, 5), np.ones((4, 5)) > 0)
    torch.testing.assert_close(A.adjoint(A(x)), x)


def test_columns_are_sampled_by_a_mask_of_columns():
    columns = np.arange(6) % 2 == 0
    A, B = (MaskedFourier((1, 4, 6), mask) for mask in (columns, np.broadcast_to(columns, (4, 6))))
    assert torch.equal(to_dense(A), to_dense(B))
    assert MaskedFourier((1, 4, 6), columns[None]).out_shape == (1, 12)


def test_real_candidates_get_a_real_adjoint_and_complex_ones_a_complex_one():
    mask = np.ones((4, 5)) > 0
    y = torch.ones(1, 1, 20, dtype=torch.complex64)
    assert MaskedFourier((1, 4, 5), mask).adjoint(y).dtype == torch.float32
    A = MaskedFourier((1, 4, 5), mask, dtype=torch.complex64)
    assert A.adjoint(y).dtype == torch.complex64
    assert A.to(torch.float64).dtype == torch.complex128


@pytest.mark.parametrize("mask", [np.ones((5, 4)) > 0, np.ones(4) > 0, np.zeros((4, 5)) > 0, np.ones((4, 5))])
def test_mask_that_does_not_fit_is_refused(mask: np.ndarray):
    with pytest.raises(InputError, match="mask"):
        MaskedFourier((1, 4, 5), mask)
