import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sciadv.errors import InputError
from sciadv.forward import Blur, GaussianBlur

SCIPY_MODE = {"circular": "wrap", "zero": "constant", "reflect": "mirror", "replicate": "nearest"}


@given(
    st.lists(st.tuples(st.integers(3, 7), st.integers(1, 6)), min_size=1, max_size=3),
    st.sampled_from(list(SCIPY_MODE)),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_blur_is_scipys_convolution(sizes: list, boundary: str, seed: int):
    size, kernel_size = zip(*sizes, strict=True)
    rng = np.random.default_rng(seed)
    x, kernel = rng.standard_normal(size), rng.standard_normal(kernel_size)
    A = Blur((1, *size), kernel, boundary=boundary, dtype=torch.float64)
    expected = ndimage.convolve(x, kernel, mode=SCIPY_MODE[boundary])
    np.testing.assert_allclose(A(torch.from_numpy(x)[None, None])[0, 0], expected, atol=1e-12)


def test_circular_blur_is_a_product_of_spectra():
    rng = np.random.default_rng(0)
    x, kernel = rng.random((7, 6)), rng.random((3, 3))
    centred = np.zeros_like(x)
    centred[:3, :3] = kernel
    centred = np.roll(centred, (-1, -1), (0, 1))
    expected = np.fft.ifft2(np.fft.fft2(x) * np.fft.fft2(centred)).real
    y = Blur((1, 7, 6), kernel, dtype=torch.float64)(torch.from_numpy(x)[None, None])
    np.testing.assert_allclose(y[0, 0], expected, rtol=1e-12)


@pytest.mark.parametrize("boundary", ["circular", "reflect", "replicate"])
def test_normalised_kernel_keeps_a_constant(boundary: str):
    x = torch.full((1, 2, 9, 8), 3.0)
    torch.testing.assert_close(GaussianBlur((2, 9, 8), 1.2, boundary=boundary)(x), x)


def test_gaussian_blur_agrees_with_scipy():
    x = np.random.default_rng(0).random((20, 21))
    y = GaussianBlur((1, 20, 21), 1.5, radius=6, boundary="reflect", dtype=torch.float64)(
        torch.from_numpy(x)[None, None]
    )
    np.testing.assert_allclose(y[0, 0], ndimage.gaussian_filter(x, 1.5, mode="mirror", radius=6), rtol=1e-12)


def test_gaussian_blur_of_a_volume_agrees_with_scipy_and_goes_axis_by_axis():
    x = np.random.default_rng(0).random((9, 8, 7))
    A = GaussianBlur((1, 9, 8, 7), 0.8, radius=3, boundary="reflect", dtype=torch.float64)
    assert [kernel.flipped.numel() for kernel in A.kernels] == [7, 7, 7]
    expected = ndimage.gaussian_filter(x, 0.8, mode="mirror", radius=3)
    np.testing.assert_allclose(A(torch.from_numpy(x)[None, None])[0, 0], expected, rtol=1e-12)


def test_kernel_of_a_volume_that_is_nearly_a_product_is_taken_as_it_is():
    kernel = torch.ones(3, 3, 3)
    kernel[0, 0, 0] = 1 + 1e-5
    assert len(Blur((1, 4, 4, 4), kernel).kernels) == 1
    assert len(Blur((1, 4, 4, 4), torch.zeros(3, 3, 3)).kernels) == 3


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (torch.ones(3), "rows, columns"),
        (torch.full((2, 2), torch.nan), "finite"),
        (torch.ones(0, 2), "finite"),
    ],
)
def test_unusable_kernel_is_refused(kernel: torch.Tensor, message: str):
    with pytest.raises(InputError, match=message):
        Blur((1, 4, 4), kernel)


@pytest.mark.parametrize("settings", [{"sigma": 0.0}, {"sigma": 1.0, "radius": -1}])
def test_unusable_width_is_refused(settings: dict):
    with pytest.raises(InputError, match=r"sigma|radius"):
        GaussianBlur((1, 4, 4), **settings)
