import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sciadv.errors import InputError
from sciadv.metrics import mse, psnr, ssim


def images(seed: int, shape: tuple[int, ...] = (3, 1, 28, 24)) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_mse_is_the_mean_square_per_image() -> None:
    x, truth = images(0), images(1)
    assert torch.allclose(mse(x, truth), ((x - truth) ** 2).mean((1, 2, 3)))


def test_psnr_matches_skimage() -> None:
    x, truth = images(0), images(1)
    expected = [
        peak_signal_noise_ratio(t.numpy(), i.numpy(), data_range=1) for i, t in zip(x, truth, strict=True)
    ]
    assert torch.allclose(psnr(x, truth), torch.tensor(expected, dtype=torch.float32), rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 1, 28, 24), (2, 3, 16, 32)])
def test_ssim_matches_skimage(shape: tuple[int, ...]) -> None:
    truth = images(1, shape).double()
    x = (truth + 0.2 * images(2, shape)).clamp(0, 1)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    expected = [
        structural_similarity(i.numpy(), t.numpy(), channel_axis=0, **settings)
        for i, t in zip(x, truth, strict=True)
    ]
    assert torch.allclose(ssim(x, truth), torch.tensor(expected, dtype=torch.float64), atol=1e-10)


def test_ssim_of_equal_images_is_one() -> None:
    assert torch.allclose(ssim(images(0), images(0)), torch.ones(3))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="but the truth has"):
        mse(images(0), images(0)[:, :, :5])


def test_images_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(InputError, match="11 pixels"):
        ssim(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))


def test_ssim_of_constant_images_is_its_first_constant_alone() -> None:
    """Without structure ``(2 a b + c1) / (a^2 + b^2 + c1)`` is left, c1 = 0.01^2: dark images show it."""
    dark, less = torch.zeros(1, 1, 12, 12).double(), torch.full((1, 1, 12, 12), 0.01).double()
    assert float(ssim(dark, less)) == pytest.approx(1e-4 / (1e-4 + 1e-4))
