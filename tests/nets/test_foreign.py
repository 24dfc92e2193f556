"""Generators as others write them: what `Prior.from_module` makes of their inputs and outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.forward import Matrix
from sciadv.likelihood import Gaussian
from sciadv.nets.foreign.learned_parts import Learning, learn_part
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import LevenbergMarquardt
from sciadv.solvers.linear.jacobian import latent_jacobian, push_unit_tangents
from sciadv.types import as_generator


class StyleNet(nn.Module):
    """A style-based generator: w+ as a list, noise for each layer, a tuple of image and latents."""

    def __init__(self, width: int = 6, n_layers: int = 3) -> None:
        super().__init__()
        self.style = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, width))
        self.affine = nn.ModuleList(nn.Linear(width, 8) for _ in range(n_layers))
        self.body = nn.ModuleList(nn.Conv2d(8, 8, 3, 1, 1) for _ in range(n_layers))
        self.start = nn.Parameter(torch.ones(1, 8, 4, 4))
        self.rgb = nn.Conv2d(8, 3, 1)
        self.style_dim = width

    def forward(
        self, styles: list[Tensor], noise: list[Tensor] | None = None, *, input_is_latent: bool = False
    ) -> tuple[Tensor, None]:
        w = styles if input_is_latent else [self.style(z) for z in styles]
        w = w * len(self.body) if len(w) == 1 else w
        x = self.start.expand(len(w[0]), -1, -1, -1)
        for i, conv in enumerate(self.body):
            drawn = torch.randn(len(x), 1, 4, 4) if noise is None else noise[i]
            x = torch.relu(conv(x * self.affine[i](w[i])[:, :, None, None]) + 0.1 * drawn)
        return self.rgb(x), None


class Labelled(nn.Module):
    """A class-conditional generator with a dict of outputs and batch normalisation without statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 5)
        self.body = nn.Linear(12, 48)
        self.norm = nn.BatchNorm1d(48, track_running_stats=False)
        self.nz = 7

    def forward(self, z: Tensor, labels: Tensor) -> dict[str, Tensor]:
        x = self.norm(self.body(torch.cat([z, self.table(labels)], 1)))
        return {"loss": x.sum(), "image": x.tanh().reshape(-1, 3, 4, 4)}


class Mapped(nn.Module):
    """`mapping` to one w for each of four layers, and `synthesis`."""

    def __init__(self) -> None:
        super().__init__()
        self.z_dim, self.c_dim = 8, 0
        self.mapping = _Mapping()
        self.synthesis = _Synthesis()

    def forward(self, z: Tensor, c: Tensor, **keywords: Any) -> Tensor:
        image: Tensor = self.synthesis(self.mapping(z, c), **keywords)
        return image


class _Mapping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(8, 8)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:  # as others write it
        return torch.relu(self.body(z))[:, None].repeat(1, 4, 1)


class _Synthesis(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(32, 48)

    def forward(self, ws: Tensor, noise_mode: str = "random") -> Tensor:
        x: Tensor = self.body(ws.flatten(1)).reshape(-1, 3, 4, 4)
        return x + torch.randn(x.shape) if noise_mode == "random" else x


def style_net() -> StyleNet:
    torch.manual_seed(0)
    return StyleNet()


def inputs_of(prior: Prior, z: Tensor) -> Any:
    adapted: Any = prior.generator
    return adapted.arguments(z)


def w_plus(net: StyleNet) -> Any:
    def sample(n: int) -> Any:
        fixed = {"noise": [torch.ones(1, 1, 4, 4)] * 3, "input_is_latent": True}
        return [net.style(torch.randn(n, 6)) for _ in range(3)], fixed

    return sample


def test_style_network_is_told_by_its_names_and_its_own_noise_is_fixed_and_said() -> None:
    prior = Prior.from_module(style_net())
    assert (prior.n_latent, prior.out_shape) == (6, (3, 4, 4))
    assert "3 tensors are fixed" in prior.card["adapter"]


def test_w_plus_list_with_noise_inputs_and_tuple_output_recovers_its_own_image() -> None:
    prior = Prior.from_module(style_net(), w_plus(style_net()))
    assert prior.n_latent == 18
    truth = prior.sample(3, seed=1)
    forward = Matrix(torch.randn(30, 48, generator=as_generator(2)), (3, 4, 4))
    problem = Problem(
        prior, forward, Gaussian(0.01), Gaussian(0.01).sample(forward(truth), generator=as_generator(3))
    )
    assert all(misfit < 1.5 for misfit in LevenbergMarquardt(8).solve(problem).misfit.tolist())


def test_equal_inputs_stay_equal_and_noise_that_is_drawn_is_a_latent() -> None:
    net = style_net()

    def sample(n: int) -> Any:
        noise = [torch.randn(n, 1, 4, 4) for _ in range(3)]
        return [net.style(torch.randn(n, 6))] * 3, {"noise": noise, "input_is_latent": True}

    assert Prior.from_module(net, sample).n_latent == 6 + 3 * 16
    assert Prior.from_module(net, sample, is_tied=False).n_latent == 3 * 6 + 3 * 16


@pytest.mark.parametrize(("space", "n_latent"), [("z", 8), ("w", 8), ("w+", 32)])
def test_spaces_of_a_mapping_network(space: Any, n_latent: int) -> None:
    torch.manual_seed(0)
    prior = Prior.from_module(Mapped(), space=space)
    assert prior.n_latent <= n_latent  # a rectified number that is always 0 has no direction
    assert prior.sample(2, seed=0).shape == (2, 3, 4, 4)


def test_latents_of_w_have_the_mean_and_covariance_of_mapped_draws() -> None:
    torch.manual_seed(0)
    net = Mapped()
    prior = Prior.from_module(net, space="w", n_draws=20000)
    made = inputs_of(prior, prior.sample_latent(20000, seed=5))[0][:, 0]
    drawn = net.mapping(torch.randn(20000, 8, generator=as_generator(6)), torch.zeros(20000, 0))[:, 0]
    assert torch.allclose(made.mean(0), drawn.mean(0), atol=0.05)
    assert torch.allclose(torch.cov(made.T), torch.cov(drawn.T), atol=0.05)


def test_truncation_shortens_the_distance_from_the_mean() -> None:
    torch.manual_seed(0)
    net = Mapped()
    whole, half = (Prior.from_module(net, space="w", truncation=factor) for factor in (1.0, 0.5))
    z = whole.sample_latent(4, seed=0)
    w, shorter = (inputs_of(prior, z)[0] for prior in (whole, half))
    mean = inputs_of(whole, torch.zeros_like(z))[0]
    assert torch.allclose(shorter - mean, 0.5 * (w - mean), atol=1e-5)


def test_class_is_searched_by_starts_or_fixed() -> None:
    torch.manual_seed(0)
    net = Labelled()
    searched, fixed = Prior.from_module(net), Prior.from_module(net, condition=4)
    assert (searched.n_latent, fixed.n_latent) == (9, 7)
    labels = inputs_of(searched, searched.sample_latent(2000, seed=0))[1]["labels"]
    assert labels.bincount().shape == (10,)
    assert int(labels.bincount().min()) > 120
    z = searched.sample_latent(5, seed=0)
    shrunk = torch.cat([z[:, :7], 1e-6 * z[:, 7:]], 1)
    assert torch.equal(searched(z), searched(shrunk))
    assert inputs_of(fixed, z[:, :7])[1]["labels"].tolist() == [4] * 5


def test_batch_normalisation_without_statistics_gets_those_of_draws() -> None:
    prior = Prior.from_module(Labelled(), condition=0)
    x = prior.sample(6, seed=0)
    assert torch.allclose(prior(prior.sample_latent(6, seed=0)[:1]), x[:1], atol=1e-6)
    assert "batch normalisation" in prior.card["adapter"]


@settings(max_examples=10, deadline=None)
@given(low=st.floats(-3, 0), width=st.floats(0.5, 4))
def test_uniform_latents_are_told_and_kept_within_their_ends(low: float, width: float) -> None:
    draws = low + width * torch.rand(3000, 5, generator=as_generator(0))
    part, words = learn_part(draws, 3000, is_tied=True, how=Learning())
    made = part(torch.randn(3000, 5, generator=as_generator(1)) * 2)
    assert words.startswith("uniform")
    assert float(made.min()) > low - 0.05 * width
    assert float(made.max()) < low + 1.05 * width


def test_truncated_normal_latents_are_told() -> None:
    draws = nn.init.trunc_normal_(torch.empty(4000, 6), 0, 1, -1.5, 1.5, generator=as_generator(0))
    part, words = learn_part(draws, 4000, is_tied=True, how=Learning())
    made = part(torch.randn(4000, 6, generator=as_generator(1)))
    assert "truncated" in words
    assert abs(float(made.std() / draws.std()) - 1) < 0.03
    assert float(made.abs().max()) < 1.65


def test_dropout_that_stays_on_is_left_out() -> None:
    class Dropped(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return nn.functional.dropout(z, 0.5, training=True)

    prior = Prior.from_module(Dropped(), latent_shape=4)
    z = prior.sample_latent(3, seed=0)
    assert torch.equal(prior(z), z)


def test_range_of_candidates_is_mapped_to_the_unit_interval() -> None:
    prior = Prior.from_module(nn.Sequential(nn.Linear(4, 8), nn.Tanh()), to_unit=True)
    assert 0 <= float(prior.sample(50, seed=0).min()) < 0.5


def test_what_cannot_be_told_is_a_sentence() -> None:
    with pytest.raises(InputError, match="Give latent_shape=, or sample="):
        Prior.from_module(lambda a, b: a + b)
    with pytest.raises(InputError, match="name one by output="):
        Prior.from_module(lambda z: {"a": z, "b": z}, latent_shape=3)
    with pytest.raises(InputError, match="no input"):
        Prior.from_module(nn.Linear(3, 4), lambda n: torch.ones(n, 3))


def test_callers_random_state_and_module_stay_as_they_are() -> None:
    net = style_net().train()
    before = torch.get_rng_state()
    Prior.from_module(net)
    assert torch.equal(torch.get_rng_state(), before)
    assert net.training


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        made: Tensor = x.sin()
        return made

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> Tensor:
        pulled: Tensor = cotangent * ctx.saved_tensors[0].cos()
        return pulled


class _Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        made: Tensor = x.sin()
        return made

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Tensor:
        pulled: Tensor = cotangent * ctx.saved_tensors[0].cos()
        return pulled


@pytest.mark.parametrize("sine", [_Twice, _Once])
def test_layers_without_forward_mode_have_their_jacobian_by_reverses(sine: Any) -> None:
    torch.manual_seed(0)
    first, last = nn.Linear(4, 6), nn.Linear(6, 8)

    class Sine(nn.Module):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.first, self.last, self.function = first, last, function

        def forward(self, z: Tensor) -> Tensor:
            x: Tensor = self.last(self.function(self.first(z)))
            return x

    matrix, y = Matrix(torch.arange(24.0).reshape(3, 8), (8,)), torch.zeros(2, 3)
    z = torch.randn(2, 4, generator=as_generator(0))
    expected, found = (
        latent_jacobian(Problem(Prior(Sine(f), 4), matrix, Gaussian(1.0), y), z)
        for f in (torch.sin, sine.apply)
    )
    assert torch.allclose(found, expected, atol=1e-5)


class Conditional(nn.Module):
    """Appends a class's embedding to its latent; draws a class of its own where none is given."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(4, 3)
        self.body = nn.Linear(9, 8)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        label = torch.randint(0, 4, (len(z),)) if y is None else y
        made: Tensor = self.body(torch.cat([z, self.table(label)], 1))
        return made


def test_class_that_a_network_would_draw_for_itself_is_searched() -> None:
    prior = Prior.from_module(Conditional())
    assert prior.n_latent == 6 + 2
    assert "one of 4 values" in str(prior.card["adapter"])


def test_noise_of_no_weight_is_fixed_too() -> None:
    class Unweighted(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return z + 0 * torch.randn_like(z)

    prior = Prior.from_module(Unweighted(), latent_shape=4)
    assert "its 1 tensors are fixed" in str(prior.card["adapter"])
    value, tangents = push_unit_tangents(prior, torch.zeros(2, 4))
    assert torch.equal(tangents[:, 0], torch.eye(4))
    assert torch.equal(value, torch.zeros(2, 4))
