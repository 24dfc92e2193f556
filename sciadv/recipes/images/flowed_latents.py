"""The flow of a prior's encoded latents: learnt after the autoencoder, and kept where it earns its place."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from sciadv.nets.seeded import SeededDraws
from sciadv.nets.wrapping.latent_flow import FlowEncoder, FlowGenerator, LatentFlow
from sciadv.prior import Prior
from sciadv.trainings.autoencoder.latent_flow_training import EncodedImages, FlowSchedule, LatentFlowTraining
from sciadv.trainings.loop import run
from sciadv.types import as_generator


def with_latent_flow(
    prior: Prior, train: Tensor, reference: Tensor, schedule: FlowSchedule, *, seed: int = 0
) -> tuple[Prior, dict[str, str]]:
    """Return a prior whose N(0, I) are the encoded latents of images, and what a card says of it.

    An autoencoder's latents are N(0, I) only as far as its bound on the evidence weighs it. Where they are
    not, samples are of no kind, and a search takes wrong images for likely ones. The flow is kept where
    the latents of held-out images are likelier under it than under N(0, I), by more than a standard error.

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
    assert prior.encoder is not None  # an autoencoder's
    n_held_out = 0 if len(reference) else max(1, len(train) // 10)
    held_out = reference if len(reference) else train[len(train) - n_held_out :]
    seen, tested = (
        EncodedImages.of(prior.encoder, part, least_deviation=schedule.least_deviation)
        for part in (train[: len(train) - n_held_out], held_out)
    )
    with SeededDraws(as_generator(seed)):
        flow = LatentFlow(n_latent=prior.n_latent)
    training = LatentFlowTraining(flow, seen, tested, schedule, seed=seed)
    run(training, every=schedule.every).check_finished()
    flow = training.take_best().eval()
    gain, error = training.gain()
    facts = {"latent_flow": f"encoded held-out images are {gain:.3g} ({error:.2g}) nats likelier"}
    if not gain > error:
        return prior, {"latent_flow": f"not kept: {facts['latent_flow']}"}
    generator = FlowGenerator(inner=prior.generator, flow=flow)
    return replace(prior, generator=generator, encoder=FlowEncoder(inner=prior.encoder, flow=flow)), facts
