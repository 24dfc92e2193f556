import pytest
import torch

from sciadv import Prior
from sciadv.errors import InputError
from sciadv.nets import ConvClassifier, build_seeded
from sciadv.recipes.prior_quality import measure_prior, representation_error

SHAPE = (1, 8, 8)
DECODER: dict[str, object] = {"kind": "mlp-decoder", "n_latent": 3, "image_shape": [1, 8, 8], "hidden": [16]}


def linear_prior() -> tuple[Prior, torch.Tensor]:
    """A linear generator and its matrix ``(64, 3)``, so that min_z is a projection."""
    layer = build_linear()
    return Prior(torch.nn.Sequential(layer, torch.nn.Unflatten(1, SHAPE)), 3), layer.weight.detach()


def build_linear() -> torch.nn.Linear:
    layer = torch.nn.Linear(3, 64, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(64, 3, generator=torch.Generator().manual_seed(0)))
    return layer


def test_representation_error_is_the_distance_to_the_range() -> None:
    prior, matrix = linear_prior()
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(1))
    residual = x - x @ matrix @ torch.linalg.pinv(matrix.T @ matrix) @ matrix.T
    error = representation_error(prior, x.reshape(5, *SHAPE))
    assert torch.allclose(error, residual.square().mean(1), rtol=1e-4)


def test_what_the_prior_generates_has_no_error() -> None:
    prior = Prior(build_seeded(DECODER, 0), 3)
    assert representation_error(prior, prior.sample(8, seed=5)).max() < 3e-6


def test_a_generator_without_forward_mode_is_searched_by_adam() -> None:
    class Opaque(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):  # type: ignore[no-untyped-def]
            return gradient

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = linear_prior()[0].generator

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.inner(Opaque.apply(z))

    prior = Prior(Net(), 3)
    assert representation_error(prior, prior.sample(3, seed=0)).max() < 1e-3


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="expected images of shape"):
        representation_error(linear_prior()[0], torch.zeros(2, 1, 4, 4))


def test_measure_prior_gives_flat_numbers_and_card_lines() -> None:
    prior = Prior(build_seeded(DECODER, 0), 3)
    classifier = build_seeded({"kind": "conv-classifier", "image_shape": list(SHAPE), "n_classes": 3}, 1)
    assert isinstance(classifier, ConvClassifier)
    images = torch.rand(80, *SHAPE, generator=torch.Generator().manual_seed(0))
    quality = measure_prior(prior, classifier, images, train=images.flip(0) ** 2, n_represented=4)
    numbers = quality.as_dict()
    assert numbers["representation_error_images"] == 4
    assert {"frechet", "frechet_floor", "coverage", "memorisation_z", "path_length"} <= set(numbers)
    assert all(isinstance(value, str) for value in quality.header().values())


def test_without_a_classifier_only_the_representation_is_measured() -> None:
    prior, _ = linear_prior()
    quality = measure_prior(prior, None, prior.sample(10, seed=0), n_represented=3)
    assert quality.samples is None
    assert set(quality.as_dict()) == {
        "representation_error_mean",
        "representation_error_median",
        "representation_error_images",
    }
