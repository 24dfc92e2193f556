"""What goes wrong in a game, in words: a saturated discriminator, vanished gradients, collapsed modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.games.diagnostics.equilibrium import flat, unflat
from sciadv.games.two_player import Point, add, copies, derivative, restore


@dataclass(frozen=True)
@final
class Alarm:
    """One check of a running game.

    Parameters
    ----------
    fired
        Whether something is wrong.
    value
        The number that says so.
    message
        What it is and what to try, a sentence.
    """

    fired: bool
    value: float
    message: str


def saturation(real_logits: Tensor, fake_logits: Tensor, *, threshold: float = 0.99) -> Alarm:
    """Whether the discriminator classifies nearly all samples rightly, with certainty; value: its accuracy.

    Fires when its accuracy is at least `threshold`, and D(real) and 1 - D(fake) are too in the mean, with
    D the sigmoid of the logit: cross-entropy then gives a saturating generator almost no gradient.
    """
    real_logits, fake_logits = real_logits.detach(), fake_logits.detach()
    accuracy = float(((real_logits > 0).double().mean() + (fake_logits < 0).double().mean()) / 2)
    on_real, on_fake = float(real_logits.sigmoid().mean()), float(fake_logits.sigmoid().mean())
    fired = accuracy >= threshold and on_real >= threshold and 1 - on_fake >= threshold
    numbers = f"D(real) = {on_real:.3f}, D(fake) = {on_fake:.3f}, accuracy {accuracy:.1%}"
    if fired:
        message = f"discriminator saturated: {numbers}; try r1 or a lower discriminator learning rate"
    else:
        message = f"discriminator not saturated: {numbers}"
    return Alarm(fired, accuracy, message)


def vanished_gradient(gradient: Sequence[Tensor], *, floor: float = 1e-6) -> Alarm:
    """Whether a generator's gradient is gone; value: its root mean square over parameters."""
    size = float(flat(gradient).double().square().mean().sqrt())
    fired = size < floor
    advice = ", too small to learn from: try the non-saturating or relativistic objective, or r1"
    message = f"generator gradient is {size:.1e} a parameter" + (advice if fired else "")
    return Alarm(fired, size, message)


def mode_collapse(fake: Tensor, real: Tensor, *, floor: float = 0.25) -> Alarm:
    """Whether generated samples lie too near to each other; value: their spread over the data's.

    The spread is the median distance of two samples, Euclidean.

    Parameters
    ----------
    fake, real
        Samples, or their features, ``(batch, ...)``, at least two each.
    floor
        Least share of the data's spread.

    Raises
    ------
    InputError
        Fewer than two samples.
    """
    if min(fake.shape[0], real.shape[0]) < 2:
        raise InputError(
            f"a spread needs two samples, but there are {fake.shape[0]} fake and {real.shape[0]} real"
        )
    of_fake, of_real = (float(torch.pdist(x.detach().flatten(1)).median()) for x in (fake, real))
    share = of_fake / of_real if of_real else float("inf")
    fired = share < floor
    advice = (
        ": modes are collapsing; try the relativistic objective with r1 and r2, a minibatch standard "
        "deviation layer, or unrolled updates"
    )
    message = f"generated samples have {share:.0%} of the data's spread" + (advice if fired else "")
    return Alarm(fired, share, message)


@dataclass(frozen=True)
@final
class Anisotropy:
    """Curvature of a loss along named directions of unit length.

    Parameters
    ----------
    curvatures
        ``d^T H d``, by the direction's name.
    condition
        Greatest over least modulus. A generator at a collapsed point has a flat spreading direction, so
        nothing drives it apart, and a large condition; at full cover it is near 1.
    """

    curvatures: dict[str, float]
    condition: float


def hessian_anisotropy(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    directions: dict[str, Point],
    *,
    step: float | None = None,
) -> Anisotropy:
    """Measure the curvature of a loss in `parameters` along directions.

    Parameters
    ----------
    loss
        The loss as a function of the parameters' present values, such as the generator's.
    parameters
        The parameters.
    directions
        Directions by name, one tensor a parameter, of any length but 0; see `output_directions`.
    step
        None for the second derivative; a length h for the second difference
        ``(L(w + h d) - 2 L(w) + L(w - h d)) / h^2``, which also sees beyond the kinks of piecewise linear
        networks and past the one point where a curvature may vanish.

    Raises
    ------
    InputError
        A direction has length 0.
    """
    curvatures = {}
    for name, direction in directions.items():
        d = flat(direction)
        if not float(d.norm()):
            raise InputError(f"the direction {name!r} has length 0")
        unit = unflat(d / d.norm(), parameters)
        if step is None:
            curvatures[name] = _second_derivative(loss, parameters, unit)
        else:
            curvatures[name] = _second_difference(loss, parameters, unit, step)
    moduli = [abs(c) for c in curvatures.values()]
    return Anisotropy(curvatures, max(moduli) / min(moduli) if min(moduli) else float("inf"))


def _second_derivative(loss: Callable[[], Tensor], parameters: Sequence[Tensor], d: Point) -> float:
    gradient = derivative(loss(), parameters, create_graph=True)
    return float(flat(derivative(gradient, parameters, d)) @ flat(d))


@torch.no_grad()
def _second_difference(loss: Callable[[], Tensor], parameters: Sequence[Tensor], d: Point, h: float) -> float:
    start = copies(parameters)
    values = []
    for scale in (h, 0.0, -h):
        restore(parameters, start)
        add(parameters, d, scale)
        values.append(float(loss()))
    restore(parameters, start)
    return (values[0] - 2 * values[1] + values[2]) / h**2


def output_directions(outputs: Callable[[], Tensor], parameters: Sequence[Tensor]) -> dict[str, Point]:
    """Directions of a generator's parameters that spread its outputs, and that move them along together.

    ``"spread"`` is the gradient of the outputs' total variance over the batch, ``"shift"`` that of the
    mean output along its own direction of least cancellation: the mean over outputs of each coordinate,
    squared.

    Parameters
    ----------
    outputs
        The generator's outputs ``(batch, ...)`` for fixed latent codes.
    parameters
        The generator's parameters.
    """
    x = outputs().flatten(1)
    spread = derivative(x.var(0, unbiased=False).sum(), parameters, retain_graph=True)
    shift = derivative(x.mean(0).square().sum(), parameters)
    return {"spread": spread, "shift": shift}
