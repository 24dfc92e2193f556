"""The flow of encoded latents: learnt after the autoencoder, for draws, and for searches that gain by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import Tensor

from sciadv.nets.seeded import SeededDraws
from sciadv.nets.wrapping.latent_flow import FlowEncoder, FlowGenerator, LatentFlow
from sciadv.prior import Prior
from sciadv.recipes.images.held_out_solve import HeldOutSolve
from sciadv.trainings.autoencoder.latent_flow_training import EncodedImages, FlowSchedule, LatentFlowTraining
from sciadv.trainings.loop import run
from sciadv.trainings.training_report import GameStatus
from sciadv.types import as_generator


def with_latent_flow(
    prior: Prior,
    train: Tensor,
    reference: Tensor,
    schedule: FlowSchedule,
    *,
    seed: int = 0,
) -> tuple[Prior, dict[str, str]]:
    """Return a prior that draws from where the latents of images lie, and what a card says of it.

    An autoencoder's latents are N(0, I) only as far as its bound on the evidence weighs it. Where they are
    not, samples are of no kind, and a search takes wrong images for likely ones; but sharp latents are hard
    to search. The flow is kept where the latents of held-out images are likelier under it than under N(0, I),
    by more than a standard error: as the prior's `sampler`, or as a part of its generator, so that searches
    weigh latents by it too. Of images held out from the prior itself, the latter only where their solves
    from half as many data as latents gain as much, and those from a tenth of the pixels do not lose it.

    Parameters
    ----------
    prior
        On the CPU; its encoder has `posterior`.
    train
        The images that it was trained on, ``(n, channels, *sides)``, uint8 or float32 in [0, 1].
    reference
        Images that it was not trained on; of none, the last tenth of `train` is held out from the flow.
    schedule
        How long and how fast; no flow where it has no steps.
    seed
        Seed of weights and draws.
    """
    if schedule.flow_steps == 0:
        return prior, {}
    training = _begun(prior, train, reference, schedule, seed)
    report = run(training, every=schedule.every)
    if report.status is not GameStatus.DIVERGED:  # then it is the flow of the best measurement before
        report.check_finished()
    flow = training.take_best().eval()
    assert prior.encoder is not None  # an autoencoder's
    encoder = FlowEncoder(inner=prior.encoder, flow=flow)
    flowed = replace(prior, generator=FlowGenerator(inner=prior.generator, flow=flow), encoder=encoder)
    likelier, error = training.gain()
    said = [f"encoded held-out images are {likelier:.3g} ({error:.2g}) nats likelier"]
    if likelier <= error:
        return prior, {"latent_flow": f"not kept: {said[0]}"}
    is_searched = not schedule.only_draws
    if is_searched:
        is_searched, more = _gains(prior, flowed, _trials(train, reference, prior.n_latent, seed))
        said += more
    words = "; ".join(said)
    if is_searched:
        return flowed, {"latent_flow": words}
    return replace(prior, sampler=flow), {"latent_flow": f"for draws alone: {words}"}


def _gains(
    prior: Prior, flowed: Prior, trials: Iterable[tuple[HeldOutSolve, float]]
) -> tuple[bool, list[str]]:
    """Return whether the flowed prior gains in every trial, and what they say, up to the first loss."""
    said: list[str] = []
    for trial, least in trials:
        before, after = trial.errors(prior), trial.errors(flowed)
        gain = before - after
        said.append(f"error from {trial.y.shape[1]} data {after.mean():.3g} for {before.mean():.3g}")
        if float(gain.mean()) <= least * float(gain.std()) / len(gain) ** 0.5:
            return False, said
    return True, said


def _begun(
    prior: Prior, train: Tensor, reference: Tensor, schedule: FlowSchedule, seed: int
) -> LatentFlowTraining:
    """Encode the images and begin the flow's training."""
    assert prior.encoder is not None  # an autoencoder's
    n_seen = len(train) if len(reference) else len(train) - max(1, len(train) // 10)
    held_out = reference if len(reference) else train[n_seen:]
    seen, tested = (
        EncodedImages.of(prior.encoder, part, least_deviation=schedule.least_deviation)
        for part in (train[:n_seen], held_out)
    )
    with SeededDraws(as_generator(seed)):
        flow = LatentFlow(n_latent=prior.n_latent)
    return LatentFlowTraining(flow, seen, tested, schedule, seed=seed)


def _trials(
    train: Tensor, reference: Tensor, n_latent: int, seed: int
) -> Iterator[tuple[HeldOutSolve, float]]:
    """Yield solves of held-out images, and the least gain of each [standard errors]."""
    if len(reference):
        few = max(4, n_latent // 2)
        yield HeldOutSolve(train, reference, seed=seed, share=1.0, most_measurements=few), 1.0
        yield HeldOutSolve(train, reference, seed=seed), -1.0
