"""How steep a critic is: bounds from its weights, and slopes measured where data are.

The product of the layers' norms bounds a chain of layers; a network with other paths (sums, products of
layers) is refused instead of bounded wrongly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.diagnostics.krylov import lanczos
from sciadv.games.penalties.penalty import Discriminator, slopes
from sciadv.games.two_player import derivative

#: Layers whose map is affine at evaluation; their norm is computed.
_AFFINE = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Upsample,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
)
#: Greatest slope of activations; those of GELU and SiLU by maximising their derivatives.
_SLOPES: dict[type[nn.Module], float] = {
    nn.ReLU: 1.0,
    nn.ReLU6: 1.0,
    nn.Tanh: 1.0,
    nn.Softplus: 1.0,
    nn.Sigmoid: 0.25,
    nn.GELU: 1.12904,
    nn.SiLU: 1.09984,
    nn.Identity: 1.0,
    nn.Flatten: 1.0,
    nn.Unflatten: 1.0,
    nn.Dropout: 1.0,
}


@dataclass(frozen=True)
@final
class _Layer:
    name: str
    module: nn.Module
    shape: tuple[int, ...]


def layer_norms(module: nn.Module, example: Tensor) -> dict[str, float]:
    """Spectral norm, or greatest slope, of every layer of a chain, by name.

    Linear layers and convolutions are measured as maps on inputs of the example's size, by Lanczos on
    ``A^T A`` to a relative 1e-8, so stride, padding and size count. The module is taken as at evaluation.

    Parameters
    ----------
    module
        A chain of layers.
    example
        One input ``(1, ...)``, for the shapes.

    Raises
    ------
    InputError
        The module is no chain of layers, or has a layer of unknown slope.
    """
    return {layer.name: _norm(layer, example) for layer in _chain(module, example)}


def lipschitz_bound(module: nn.Module, example: Tensor) -> float:
    """Upper bound on a chain's Lipschitz constant: the product of `layer_norms`.

    Raises
    ------
    InputError
        As `layer_norms`.

    References
    ----------
    C. Szegedy et al., Intriguing properties of neural networks, ICLR 2014, section 4.3.
    """
    return math.prod(layer_norms(module, example).values())


def clip_bound(weights: Iterable[Tensor], c: float) -> float:
    """Upper bound on the Lipschitz constant of a chain whose weights are in ``[-c, c]``.

    A matrix of m x n weights has a norm of at most its Frobenius norm ``c sqrt(m n)``; a convolution is a
    sum of one such matrix, shifted, a tap. Biases (one dimension) are left out.

    Parameters
    ----------
    weights
        The parameters of the chain.
    c
        The clipping bound.
    """
    bound = 1.0
    for w in weights:
        if w.ndim >= 2:
            n_taps = math.prod(w.shape[2:])
            bound *= n_taps * c * math.sqrt(w.shape[0] * w.shape[1])
    return bound


@dataclass(frozen=True)
@final
class Slopes:
    """Statistics of ``|grad_x D|`` over samples; the greatest is a lower bound on the Lipschitz constant."""

    mean: float
    std: float
    greatest: float


def measured_slopes(
    discriminator: Discriminator, x: Tensor, *, generator: torch.Generator | None = None
) -> Slopes:
    """Measure the norm of the discriminator's gradient in its input, at samples `x`."""
    norms = slopes(discriminator, x, generator=generator).detach()
    return Slopes(float(norms.mean()), float(norms.std(unbiased=False)), float(norms.max()))


def _chain(module: nn.Module, example: Tensor) -> list[_Layer]:
    """Leaf layers in the order of use, each fed with what the one before gave."""
    layers: list[_Layer] = []
    last = [example]
    handles = []

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            (x,) = inputs
            if x.data_ptr() != last[0].data_ptr() or x.numel() != last[0].numel():
                raise InputError(
                    f"{name or type(layer).__name__} is not fed by the layer before it, so the product of "
                    f"norms is no bound; give a chain of layers"
                )
            layers.append(_Layer(name, layer, tuple(x.shape)))
            last[0] = output

        return hook

    for name, layer in module.named_modules():
        is_leaf = not list(layer.children()) or hasattr(layer, "parametrizations")
        if is_leaf and "parametrizations" not in name:
            handles.append(layer.register_forward_hook(watch(name)))
    was_training = module.training
    try:
        with torch.no_grad():
            output = module.eval()(example)
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    if output.data_ptr() != last[0].data_ptr():
        raise InputError("the module's output is not its last layer's; give a chain of layers")
    return layers


def _norm(layer: _Layer, example: Tensor) -> float:
    module = layer.module
    if isinstance(module, nn.LeakyReLU):
        return max(1.0, abs(module.negative_slope))
    if isinstance(module, nn.ELU):
        return max(1.0, module.alpha)
    for kind, slope in _SLOPES.items():
        if isinstance(module, kind):
            return slope
    if not isinstance(module, _AFFINE):
        raise InputError(f"the greatest slope of {type(module).__name__} ({layer.name}) is not known")
    return _affine_norm(module, example.new_zeros(1, *layer.shape[1:]))


def _affine_norm(module: nn.Module, zero: Tensor) -> float:
    was_training = module.training
    module.eval()

    def gram(v: Tensor) -> Tensor:
        x = v.view_as(zero).requires_grad_()
        image = module(x) - module(zero)
        return derivative(image, [x], [image.detach()])[0].flatten()

    start = torch.randn(zero.numel(), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(
        zero
    )
    norm = math.sqrt(max(0.0, lanczos(gram, start, n_iterations=500).greatest))
    module.train(was_training)
    return norm
