"""Layers that games need: reversal, spectral norm, self-attention, minibatch statistics, batch norm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from sciadv.errors import InputError
from sciadv.nets.sizes import CONVOLUTIONS, Layers
from sciadv.nets.spectrum.circular import exactly_normalised

_WITH_SPECTRUM = (nn.Linear, *CONVOLUTIONS)


class _Reverse(torch.autograd.Function):
    """Identity whose adjoint is multiplied by ``-lam``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lam: float) -> Tensor:
        ctx.lam = lam
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.lam * gradients[0], None


@final
class GradientReversal(nn.Module):
    """Identity forwards; backwards the gradient is multiplied by ``-lam``.

    Between an encoder and a discriminator it makes one pass of one loss the gradient of a two-player
    game: the discriminator descends its loss, the encoder ascends ``lam`` times it.

    Parameters
    ----------
    lam
        Strength; may be changed between steps.

    References
    ----------
    Y. Ganin, V. Lempitsky, Unsupervised domain adaptation by backpropagation, ICML 2015, Eqs. 10 and 11.

    Examples
    --------
    >>> import torch
    >>> x = torch.ones(1, requires_grad=True)
    >>> GradientReversal(lam=2.0)(x).sum().backward()
    >>> x.grad
    tensor([-2.])
    """

    def __init__(self, lam: float = 1.0) -> None:
        super().__init__()
        self.lam = lam

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`."""
        reversed_: Tensor = _Reverse.apply(x, self.lam)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return reversed_


def spectrally_normalised(
    module: nn.Module,
    *,
    n_power_iterations: int = 1,
    generator: torch.Generator | None = None,
    example: Tensor | None = None,
) -> nn.Module:
    """Give every linear and convolutional layer of a module a spectral norm of one; returns the module.

    Each weight, as a matrix of output rows, is divided by its largest singular value, which one power
    iteration a forward pass in training mode tracks (`torch.nn.utils.parametrizations.spectral_norm`).
    For a convolution this is the norm of the reshaped kernel, not of the map, unless an example is given:
    then it is that of the map, exact for circular padding and at most one for zero padding
    (`sciadv.nets.spectrum.circular`); transposed convolutions keep the reshaped kernel's.

    Parameters
    ----------
    module
        Changed in place; its parameters become ``parametrizations.weight.original``.
    n_power_iterations
        Power iterations a forward pass, >= 1.
    generator
        Draws the vectors that the power iterations start from; torch's own generator does otherwise.
    example
        One input ``(1, ...)`` of the module, for exact norms of convolutions as maps on images of its size.
        It costs a decomposition of a small matrix at each frequency in every forward pass.

    Raises
    ------
    InputError
        The module does not take the example.

    References
    ----------
    T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, Spectral normalization for generative adversarial
    networks, ICLR 2018, Eq. 8 and Algorithm 1. H. Sedghi, V. Gupta, P. M. Long, The singular values of
    convolutional layers, ICLR 2019, Theorem 6 (exact norms).
    """
    if example is not None:
        exactly_normalised(module, example)
    for layer in list(module.modules()):
        if isinstance(layer, _WITH_SPECTRUM) and not parametrize.is_parametrized(layer, "weight"):
            parametrizations.spectral_norm(layer, n_power_iterations=n_power_iterations)
            if generator is not None:
                _restart(layer, generator)
    return module


@torch.no_grad()
def _restart(layer: nn.Module, generator: torch.Generator) -> None:
    """Draw the right singular vector anew, and iterate as often as torch does at the start."""
    (norm,) = layer.parametrizations.weight  # type: ignore[union-attr,misc]  # set by the parametrization
    v = torch.randn(norm._v.shape, generator=generator, dtype=norm._v.dtype, device=norm._v.device)
    norm._v.copy_(v / v.norm())
    W = norm._reshape_weight_to_matrix(layer.parametrizations.weight.original)  # type: ignore[union-attr]
    norm._power_method(W, 15)


@final
class SelfAttention(nn.Module):
    """``x + gamma W o`` with ``o_i = sum_j softmax_j(f_j . g_i) h_j`` over all places i, j of an image.

    f, g, h and W are linear in the features of a place; gamma is learnt, and 0 at first.

    Parameters
    ----------
    kinds
        Layers of the images' dimensions.
    channels
        Features of x ``(batch, channels, *sides)``; f and g have an eighth of them, h a half.

    References
    ----------
    H. Zhang, I. Goodfellow, D. Metaxas, A. Odena, Self-attention generative adversarial networks, ICML 2019,
    Eqs. 1 to 3.
    """

    def __init__(self, kinds: Layers, channels: int) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.f, self.g, self.h = (kinds.convolution(channels, n, 1, bias=False) for n in (few, few, half))
        self.out = kinds.convolution(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return as many features of as many places."""
        f, g, h = (layer(x).flatten(2) for layer in (self.f, self.g, self.h))
        weights = (f.transpose(1, 2) @ g).softmax(1)
        seen = (h @ weights).unflatten(2, x.shape[2:])
        result: Tensor = x + self.gamma * self.out(seen)
        return result


@final
class MinibatchStddev(nn.Module):
    """Appends one channel with the standard deviation over a group of the batch, averaged over all places.

    A generator that has collapsed gives a batch without spread, and a discriminator with this layer sees
    it.

    Parameters
    ----------
    group_size
        Samples that are compared, >= 2. A batch that it does not divide is one group.

    Raises
    ------
    InputError
        `group_size` < 2.

    References
    ----------
    T. Karras, T. Aila, S. Laine, J. Lehtinen, Progressive growing of GANs, ICLR 2018, section 3.
    """

    def __init__(self, group_size: int = 4) -> None:
        super().__init__()
        if group_size < 2:
            raise InputError(
                f"the minibatch standard deviation needs group_size >= 2, but it is {group_size}"
            )
        self.group_size = group_size

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, channels + 1, ...)`` from ``(batch, channels, ...)``."""
        n = x.shape[0]
        size = self.group_size if n % self.group_size == 0 else n
        groups = x.reshape(size, n // size, -1)  # sample i is in group i mod (n / size)
        spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean(1).repeat(size)
        channel = spread.view(n, *(1,) * (x.ndim - 1)).expand(n, 1, *x.shape[2:])
        return torch.cat([x, channel], 1)


@final
class MinibatchDiscrimination(nn.Module):
    """Appends, to each feature vector, how near it is to the others of the batch in learnt projections.

    ``o(x_i)_b = sum_{j != i} exp(-|M_ib - M_jb|_1)`` with ``M_i = T x_i`` of shape (kernels,
    kernel_size).

    Parameters
    ----------
    n_features
        Length of a feature vector.
    n_kernels
        Numbers appended.
    kernel_size
        Length of a projection.
    generator
        Draws the initial T.

    References
    ----------
    T. Salimans et al., Improved techniques for training GANs, NeurIPS 2016, section 3.2.
    """

    def __init__(
        self,
        n_features: int,
        n_kernels: int = 16,
        kernel_size: int = 8,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        T = torch.randn(n_features, n_kernels, kernel_size, generator=generator) / n_features**0.5
        self.T = nn.Parameter(T)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, features + kernels)`` from ``(batch, features)``."""
        M = torch.einsum("if,fbk->ibk", x, self.T)
        distance = (M.unsqueeze(0) - M.unsqueeze(1)).abs().sum(-1)
        nearness = (-distance).exp().sum(1) - 1  # without j = i
        return torch.cat([x, nearness], 1)


@final
class VirtualBatchNorm(nn.Module):
    """Batch normalisation by the statistics of a fixed reference batch and of the sample itself.

    Mean and mean square are ``(n * reference + sample) / (n + 1)`` for a reference of n samples, so a
    sample's output does not depend on the others of its batch. Take the statistics with `reference_pass`
    first, and again whenever the weights before the layer have moved.

    Parameters
    ----------
    n_channels
        Channels, dimension 1.
    eps
        Added to the variance.

    References
    ----------
    T. Salimans et al., Improved techniques for training GANs, NeurIPS 2016, section 3.5.
    """

    mean: Tensor
    mean_square: Tensor
    n_reference: Tensor

    def __init__(self, n_channels: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.takes_reference = False
        self.weight = nn.Parameter(torch.ones(n_channels))
        self.bias = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("mean_square", torch.ones(n_channels))
        self.register_buffer("n_reference", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(batch, channels, ...)``.

        Raises
        ------
        InputError
            No reference batch has been passed.
        """
        places = tuple(range(2, x.ndim))
        own_mean = x.mean(places) if places else x
        own_square = x.square().mean(places) if places else x.square()
        if self.takes_reference:
            self.mean = own_mean.mean(0).detach()
            self.mean_square = own_square.mean(0).detach()
            self.n_reference.fill_(x.shape[0])
            mean = self.mean.expand_as(own_mean)
            square = self.mean_square.expand_as(own_mean)
        else:
            if not self.n_reference:
                raise InputError(
                    "virtual batch norm has no reference yet; call reference_pass(module, batch) first"
                )
            share = 1 / (self.n_reference + 1)
            mean = (1 - share) * self.mean + share * own_mean
            square = (1 - share) * self.mean_square + share * own_square
        shape = (*mean.shape, *(1,) * len(places))
        scale = ((square - mean.square()).clamp(min=0) + self.eps).rsqrt() * self.weight
        return (x - mean.view(shape)) * scale.view(shape) + self.bias.view(1, -1, *shape[2:])


def has_virtual_norm(module: nn.Module) -> bool:
    """Whether a module has a `VirtualBatchNorm`."""
    return any(isinstance(m, VirtualBatchNorm) for m in module.modules())


@contextmanager
def taking_reference(module: nn.Module) -> Iterator[None]:
    """Within it what passes through a module is the reference of its `VirtualBatchNorm`; no gradients."""
    layers = [m for m in module.modules() if isinstance(m, VirtualBatchNorm)]
    for layer in layers:
        layer.takes_reference = True
    try:
        with torch.no_grad():
            yield
    finally:
        for layer in layers:
            layer.takes_reference = False


def reference_pass(module: nn.Module, reference: Tensor) -> None:
    """Pass a reference batch through a module and keep its statistics in every `VirtualBatchNorm`."""
    with taking_reference(module):
        module(reference)
