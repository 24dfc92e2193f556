"""Covariances of a generator's logits: learned from training images, or the tangent kernel of its weights.

Jacot, Gabriel and Hongler, Neural Tangent Kernel: Convergence and Generalization in Neural Networks, NeurIPS
2018: to first order, weights drawn around the trained ones move the output by a Gaussian of covariance
``K = J J'``, with J the derivative of the output in the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from sciadv.data.moments import Moments
from sciadv.forward.autodiff import forward_mode
from sciadv.prior import Prior
from sciadv.solvers.beyond_range.output_activation import OutputActivation

#: Numbers that the gradients of one pass over columns may hold at once; bounds the memory.
_MAX_GRADIENT = 2**24

#: ``(z, V) -> K(z) V`` for latents ``(rows, n_latent)`` and columns ``(rows, pixels, n)``.
Kernel = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class LearnedKernel:
    """The kernel of one covariance for every latent, on the device and in the precision of its moments."""

    moments: Moments

    def __call__(self, z: Tensor, columns: Tensor) -> Tensor:  # noqa: ARG002  # the same at every z
        """Return ``K V``."""
        return self.moments.times(columns)

    @property
    def variance(self) -> Tensor:
        """The diagonal of K ``(pixels,)``."""
        if self.moments.factor is not None and self.moments.diagonal is not None:
            return self.moments.factor.square().sum(1) + self.moments.diagonal
        return self.moments.covariance.diagonal()

    def block(self, index: Tensor) -> Tensor:
        """Return the rows and columns of K that `index` ``(rows, n)`` names, ``(rows, n, n)``."""
        if self.moments.factor is not None and self.moments.diagonal is not None:
            factor = self.moments.factor[index]
            return factor @ factor.transpose(1, 2) + torch.diag_embed(self.moments.diagonal[index])
        return self.moments.covariance[index[:, :, None], index[:, None, :]]


def tangent_kernel(
    prior: Prior, output: OutputActivation, *, every_layer: bool, strength: float = 1e-3
) -> Kernel:
    """Return ``strength * J J'`` with J the derivative of the logits in the last layer's weights, or in all.

    Of any network, by one reverse and one forward pass per column; nothing of the size of K is made.

    Parameters
    ----------
    prior
        The generator.
    output
        Its output's activation.
    every_layer
        Whether all weights move, or the last layer's only.
    strength
        Variance of a weight.
    """
    own = replace(prior)  # a pass replaces its weights and hooks its layers
    network = _Logits(own, output)
    chosen = set(_last_layer(own)) if not every_layer else None
    theta = {
        name: parameter.detach()
        for name, parameter in network.named_parameters()
        if chosen is None or name.removeprefix("generator.") in chosen
    }
    chunk = max(1, _MAX_GRADIENT // sum(p.numel() for p in theta.values()))

    def one_row(z: Tensor, columns: Tensor) -> Tensor:
        def logits(weights: dict[str, Tensor]) -> Tensor:
            moved: Tensor = torch.func.functional_call(network, weights, (z[None],))
            return moved[0]

        pull = torch.func.vjp(logits, theta)[1]

        def push(column: Tensor) -> Tensor:
            return forward_mode(logits, theta, pull(column)[0])[1]

        return torch.func.vmap(push, in_dims=1, out_dims=1, chunk_size=chunk)(columns)

    def kernel(z: Tensor, columns: Tensor) -> Tensor:
        n_rows = max(1, chunk // columns.shape[2])
        moved: Tensor = torch.func.vmap(one_row, chunk_size=n_rows)(z, columns)
        return strength * moved

    return kernel


class _Logits(nn.Module):
    """The generator up to its output's activation, as a module whose weights can be replaced in a call."""

    def __init__(self, prior: Prior, output: OutputActivation) -> None:
        super().__init__()
        self.generator = prior.generator
        self.prior, self.output = prior, output

    def forward(self, z: Tensor) -> Tensor:
        return self.output.logits(self.prior, z)


def _last_layer(prior: Prior) -> list[str]:
    """Return the names of the weights of the module that a pass calls last."""
    called: list[str] = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: called.append(name))
        for name, module in prior.generator.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    try:
        with torch.no_grad():
            prior(torch.zeros(1, prior.n_latent, dtype=prior.dtype, device=prior.device))
    finally:
        for hook in hooks:
            hook.remove()
    last = prior.generator.get_submodule(called[-1]) if called else prior.generator
    prefix = f"{called[-1]}." if called and called[-1] else ""
    return [prefix + name for name, _ in last.named_parameters(recurse=False)]
