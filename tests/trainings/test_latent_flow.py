"""The flow of encoded latents: what it gains against closed forms, when it is kept, and how it goes on."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from sciadv.nets.wrapping.latent_flow import FlowEncoder, FlowGenerator, LatentFlow
from sciadv.prior import Prior
from sciadv.recipes.images.flowed_latents import with_latent_flow
from sciadv.recipes.images.held_out_solve import HeldOutSolve
from sciadv.trainings.autoencoder.latent_flow_training import EncodedImages, FlowSchedule, LatentFlowTraining
from sciadv.trainings.loop import run

N = 4


class Rows(nn.Module):
    """An encoder whose mean latent is the image itself, with a small variance."""

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.flatten(1), torch.full((len(x), N), math.log(1e-4))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def images(covariance: Tensor, n: int, seed: int = 0) -> Tensor:
    """Latents of a covariance as images of four pixels."""
    white = torch.randn(n, N, generator=torch.Generator().manual_seed(seed))
    return (0.5 + white @ torch.linalg.cholesky(covariance).T).reshape(n, 1, 2, 2)


def own_prior() -> Prior:
    """The prior whose generator is the inverse of that encoder."""
    return Prior(nn.Unflatten(1, (1, 2, 2)), N, Rows())


COVARIANCE = torch.tensor(
    [[0.25, 0.2, 0.0, 0.0], [0.2, 0.25, 0.0, 0.0], [0.0, 0.0, 0.5, 0.1], [0.0, 0.0, 0.1, 0.04]]
)


def test_of_gaussian_latents_it_gains_their_divergence_from_the_standard_ones() -> None:
    train, held_out = images(COVARIANCE, 4000), images(COVARIANCE, 2000, seed=1)
    parts = [EncodedImages.of(Rows(), x) for x in (train, held_out)]
    training = LatentFlowTraining(LatentFlow(n_latent=N), *parts, FlowSchedule())
    whole = COVARIANCE.double() + 1e-4 * torch.eye(N).double()
    mean = torch.full((N,), 0.5).double()
    divergence = 0.5 * (whole.trace() + mean.square().sum() - N - torch.logdet(whole))
    gain, error = training.gain()
    assert gain == pytest.approx(divergence.item(), abs=4 * error)


def test_it_learns_what_is_not_gaussian() -> None:
    angle = 2 * math.pi * torch.rand(4000, generator=torch.Generator().manual_seed(0))
    ring = torch.stack([angle.cos(), angle.sin(), 0.1 * angle.cos(), 0.1 * angle.sin()], 1)
    parts = [EncodedImages.of(Rows(), part.reshape(-1, 1, 2, 2)) for part in (ring[:3000], ring[3000:])]
    training = LatentFlowTraining(LatentFlow(n_latent=N, hidden=32), *parts, FlowSchedule(400))
    as_gaussian, _ = training.gain()
    run(training, every=100)
    training.take_best()
    assert training.gain()[0] > as_gaussian + 1


def test_it_is_kept_where_held_out_latents_are_likelier_and_not_elsewhere() -> None:
    train, held_out, none = images(COVARIANCE, 500), images(COVARIANCE, 100, seed=1), torch.zeros(0)
    kept, facts = with_latent_flow(own_prior(), train, none, FlowSchedule(20, 0.0, every=10))
    assert isinstance(kept.generator, FlowGenerator)
    assert isinstance(kept.encoder, FlowEncoder)
    assert "nats likelier" in facts["latent_flow"]
    torch.testing.assert_close(kept(kept.encode(held_out)), held_out, atol=1e-4, rtol=0)
    drawn = torch.cov(kept.sample(4000, seed=0).flatten(1).T)
    assert (drawn - COVARIANCE).abs().max() < 0.08
    white = images(torch.eye(N), 500) - 0.5
    same, facts = with_latent_flow(own_prior(), white, none, FlowSchedule(200, 0.0, every=10))
    assert not isinstance(same.generator, FlowGenerator)
    assert facts["latent_flow"].startswith("not kept")


def test_a_flow_for_draws_alone_leaves_searches_as_they_were() -> None:
    prior, schedule = own_prior(), FlowSchedule(20, 0.0, every=10, only_draws=True)
    kept, facts = with_latent_flow(prior, images(COVARIANCE, 500), torch.zeros(0), schedule)
    assert facts["latent_flow"].startswith("for draws alone")
    z = kept.sample_latent(5, seed=0)
    assert torch.equal(z, prior.sample_latent(5, seed=0))
    assert torch.equal(kept(z), prior(z))
    drawn = torch.cov(kept.sample(4000, seed=0).flatten(1).T)
    assert (drawn - COVARIANCE).abs().max() < 0.08


def test_a_flow_that_held_out_solves_do_not_gain_by_is_for_draws_alone(monkeypatch) -> None:
    errors = iter([torch.tensor([1.0, 1.2]), torch.tensor([1.0, 1.3])])
    monkeypatch.setattr(HeldOutSolve, "errors", lambda trial, prior: next(errors))
    train, held_out = images(COVARIANCE, 500), images(COVARIANCE, 100, seed=1)
    kept, facts = with_latent_flow(own_prior(), train, held_out, FlowSchedule(20, 0.0, every=10))
    assert isinstance(kept.sampler, LatentFlow)
    assert not isinstance(kept.generator, FlowGenerator)
    assert "for draws alone" in facts["latent_flow"]
    assert "error from 4 data 1.15 for 1.1" in facts["latent_flow"]


def test_it_ends_when_held_out_latents_become_no_likelier() -> None:
    few = [EncodedImages.of(Rows(), images(COVARIANCE, 30, seed=seed)) for seed in (0, 1)]
    training = LatentFlowTraining(LatentFlow(n_latent=N), *few, FlowSchedule(4000, patience=3))
    run(training, every=20)
    assert training.n_done < 4000
    best = training.best.best[1]
    training.take_best()
    assert training.gain()[0] == pytest.approx(-best)


def test_it_goes_on_from_a_state_bit_for_bit() -> None:
    parts = [EncodedImages.of(Rows(), images(COVARIANCE, 60, seed=seed)) for seed in (0, 1)]

    def fresh() -> LatentFlowTraining:
        torch.manual_seed(0)
        return LatentFlowTraining(LatentFlow(n_latent=N), *parts, FlowSchedule(6))

    whole, first = fresh(), fresh()
    run(whole, every=3)
    for _ in range(3):
        first.step()
    first.measure()
    second = fresh()
    second.restore(*first.state())
    run(second, every=3)
    for name, weight in whole.flow.state_dict().items():
        assert torch.equal(weight, second.flow.state_dict()[name])
    assert second.best.scores == whole.best.scores


def test_no_latent_is_sharper_than_the_least_deviation() -> None:
    encoded = EncodedImages.of(Rows(), images(COVARIANCE, 3), least_deviation=0.3)
    torch.testing.assert_close(encoded.log_variance.exp(), torch.full((3, N), 0.09))
    wide = EncodedImages(encoded.mean, torch.zeros(3, N))
    assert torch.equal(wide.moments()[1], torch.cov(encoded.mean.double().T) + torch.eye(N).double())


def test_a_flow_that_diverges_costs_nobody_the_prior() -> None:
    wild = FlowSchedule(40, 0.0, learning_rate=1e6, every=10)
    kept, facts = with_latent_flow(own_prior(), images(COVARIANCE, 200), torch.zeros(0), wild)
    assert "nats likelier" in facts["latent_flow"]
    assert bool(kept.sample(20, seed=0).isfinite().all())
