"""Whether the networks of a game fit its data and its objective, before the first step, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.objectives import OBJECTIVES, Objective
from sciadv.games.penalties import WeightPenalty
from sciadv.nets.sizes import BATCH_NORMS
from sciadv.trainings.game.game_rules import Rules
from sciadv.trainings.game.game_source import Part

#: Steps of a computation that keep its values: what follows an activation without changing its range.
_KEEPS = (
    "View",
    "UnsafeView",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Select",
    "Slice",
    "Alias",
    "Clone",
    "ToCopy",
)
#: Activations that bound a discriminator's output, by the names of their derivatives.
_BOUNDS = {"SigmoidBackward0": "sigmoid", "TanhBackward0": "tanh", "SoftmaxBackward0": "softmax"}


@torch.no_grad()
def check_networks(
    generator: nn.Module, discriminator: nn.Module, part: Part, rules: Rules
) -> tuple[str, ...]:
    """Pass a part of a minibatch through both networks, in evaluation mode, before anything is trained.

    Parameters
    ----------
    generator, discriminator
        The networks.
    part
        A part of a minibatch.
    rules
        Objective and penalties.

    Returns
    -------
    What is to be said of them.

    Raises
    ------
    InputError
        The data are not finite, the latents do not fit the generator, its samples are not shaped as the
        data, the discriminator takes no such samples, gives several numbers for each
        where the objective reads one, or bounds what the objective takes for an unbounded score.
    """
    if not bool(part.real.isfinite().all()):
        raise InputError("the first samples hold NaN or Inf; repair the data, or the sampler")
    with evaluating(generator, discriminator), torch.random.fork_rng(devices=[]):
        latents, samples = tuple(part.z.shape), tuple(part.real.shape)
        fake = _fits(lambda: part.through(generator), f"generator does not take latents {latents}")
        if tuple(fake.shape) != samples:
            raise InputError(
                f"the generator makes {tuple(fake.shape)} of latents {latents}; the data are {samples}"
            )
        scores = _fits(
            lambda: part.scored_by(discriminator), f"discriminator does not take samples {samples}"
        )
        _check_scores(scores, rules.objective)
        _check_activation(discriminator, part, rules.objective)
    return _notes_of_norms(discriminator, rules)


@contextmanager
def evaluating(*nets: nn.Module) -> Iterator[None]:
    """Within it networks are in evaluation mode, and afterwards as they were."""
    modes = [(module, module.training) for net in nets for module in net.modules()]
    for net in nets:
        net.eval()
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training


def _fits(compute: Callable[[], Tensor], otherwise: str) -> Tensor:
    try:
        return compute()
    except RuntimeError as error:
        raise InputError(f"the {otherwise}: {str(error).splitlines()[0]}") from error


def _check_scores(scores: Tensor, objective: Objective) -> None:
    if scores.ndim >= 2 and scores.shape[1] > 1 and not objective.reads_features:
        raise InputError(
            f"the discriminator gives {scores.shape[1]} numbers for each sample, but the objective "
            f"reads one; end it in one number, or choose an objective that reads features"
        )


def _check_activation(discriminator: nn.Module, part: Part, objective: Objective) -> None:
    """Refuse a bounded score where the objective applies its own sigmoid, or takes differences of scores."""
    is_ours = any(type(objective) is known for known in OBJECTIVES.values())
    if not is_ours or objective.reads_features or getattr(objective, "kind", "") == "least-squares":
        return
    with torch.enable_grad():
        node = part.scored_by(discriminator).grad_fn
    while node is not None and node.name().startswith(_KEEPS):
        node = node.next_functions[0][0]
    if node is not None and node.name() in _BOUNDS:
        kind = _BOUNDS[node.name()]
        raise InputError(
            f"the discriminator ends in a {kind}, but the objective takes an unbounded score (a logit) and "
            f"applies what it needs itself: leave the {kind} out, or choose the least-squares objective"
        )


def _notes_of_norms(discriminator: nn.Module, rules: Rules) -> tuple[str, ...]:
    penalties = [part for part in rules.penalties if not isinstance(part, WeightPenalty)]
    has_norm = any(isinstance(module, BATCH_NORMS) for module in discriminator.modules())
    if not has_norm or not penalties:
        return ()
    return (
        "the discriminator has batch normalisation under a gradient penalty: a sample's score depends on the "
        "others of its batch, so the penalty is not on the slope at each sample; leave the normalisation "
        'out (norm = "none" in sciadv.nets), or use spectral or instance normalisation',
    )


@torch.no_grad()
def output_range(generator: nn.Module, part: Part) -> tuple[float, float] | None:
    """Return the range in which a generator's outputs stay however long its latents are: [0, 1] or [-1, 1].

    None where they leave both, or do not come near the ends, so that nothing is known.
    """
    lengths = (1.0, 1e2, 1e4)
    with evaluating(generator), torch.random.fork_rng(devices=[]):
        parts = [replace(part, z=part.z * length).through(generator) for length in lengths]
    values = torch.cat(parts)
    low, high = float(values.min()), float(values.max())
    for ends in ((0.0, 1.0), (-1.0, 1.0)):
        margin = 0.01 * (ends[1] - ends[0])
        is_near = low < ends[0] + margin and high > ends[1] - margin
        if is_near and low >= ends[0] and high <= ends[1]:
            return ends
    return None


def check_range(samples: Tensor, ends: tuple[float, float] | None) -> tuple[str, ...]:
    """Compare the values of samples with the range of the generator's outputs; return what is to be said.

    Raises
    ------
    InputError
        Samples go beyond the range, or images fill only the upper half of that of a tanh.

    Examples
    --------
    >>> check_range(torch.tensor([[-1.0, 1.0]]), (0.0, 1.0))
    Traceback (most recent call last):
    ...
    sciadv.errors.InputError: samples go from -1 to 1, but the generator makes values from 0 to 1; ...
    """
    low, high = float(samples.min()), float(samples.max())
    is_image = samples.ndim >= 3
    seems_bytes = low >= 0 and 64 < high <= 255 and bool((samples == samples.round()).all())
    as_bytes = "divide 8-bit grey values by 255, or give them as uint8"
    if ends is None:
        if is_image and seems_bytes:
            return (
                f"samples are whole numbers from {low:g} to {high:g}: {as_bytes}, if that is what they are",
            )
        return ()
    slack = 0.01 * (ends[1] - ends[0])
    is_half = ends[0] < 0 and is_image and low >= 0
    if low >= ends[0] - slack and high <= ends[1] + slack and not is_half:
        return ()
    advice = (
        as_bytes
        if seems_bytes
        else "give 2 x - 1, or end the generator in a sigmoid"
        if is_half and high <= 1 + slack
        else "give (x + 1) / 2, or end the generator in a tanh"
        if ends[0] == 0 and low >= -1 - slack and high <= 1 + slack
        else "scale them to that range, or end the generator in a linear layer"
    )
    raise InputError(
        f"samples go from {low:g} to {high:g}, but the generator makes values from {ends[0]:g} to "
        f"{ends[1]:g}; {advice}"
    )
