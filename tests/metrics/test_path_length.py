import pytest
import torch

from sciadv.metrics import path_length, slerp


def identity(x: torch.Tensor) -> torch.Tensor:
    return x


def test_slerp_keeps_length_and_goes_evenly() -> None:
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    third = slerp(a, b, torch.tensor([[1 / 3]]))
    assert torch.allclose(third, torch.tensor([[3**0.5 / 2, 0.5]]), atol=1e-6)


def test_path_length_of_the_identity_is_the_angle_times_the_radius() -> None:
    # in many dimensions draws are orthogonal and of length sqrt(n): speed pi / 2 sqrt(n)
    length = path_length(identity, identity, n_latent=2000, n=300)
    assert length == pytest.approx(2000 * (torch.pi / 2) ** 2, rel=0.02)


def test_path_length_grows_with_the_square_of_the_generator() -> None:
    one = path_length(identity, identity, n_latent=5)
    assert path_length(lambda z: 3 * z, identity, n_latent=5) == pytest.approx(9 * one, rel=1e-3)


def test_a_constant_generator_has_path_length_zero() -> None:
    assert path_length(lambda z: 0 * z, identity, n_latent=5, n=50) == 0
