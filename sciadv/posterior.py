"""The posterior: draws of what the measurements leave possible, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.metrics import effective_sample_size, family_sample_size, interval, r_hat
from sciadv.types import Rows


@dataclass(frozen=True, eq=False)
class Posterior(Rows):
    """Equally weighted draws from ``p(x | y)``, per measurement.

    Parameters
    ----------
    samples
        Candidates ``(batch, n, *in_shape)``.
    latents
        Their latents ``(batch, n, n_latent)``, chain after chain.
    n_chains
        Chains that the draws came from, each of ``n / n_chains``; 1 for independent draws.
    mode_weights
        Posterior probability of each mode that was found ``(batch, modes)``, 0 for copies of another; None
        for methods that do not look for modes.
    log_evidence
        ``log p(y)`` up to the likelihood's constant, ``(batch,)``; None where it is not estimated.
    acceptance
        Share of proposals that were accepted ``(batch,)``; None without proposals.
    ancestors
        First particle that each draw descends from ``(batch, n)``, of methods that resample; else None.
    """

    samples: Tensor
    latents: Tensor
    n_chains: int = 1
    mode_weights: Tensor | None = None
    log_evidence: Tensor | None = None
    acceptance: Tensor | None = None
    ancestors: Tensor | None = None

    @property
    def n_samples(self) -> int:
        """Draws per measurement."""
        return self.samples.shape[1]

    @property
    def mean(self) -> Tensor:
        """Posterior mean ``(batch, *in_shape)``: the estimate of least expected squared error."""
        return self.samples.mean(1)

    @property
    def standard_deviation(self) -> Tensor:
        """Posterior standard deviation of each value ``(batch, *in_shape)``: the uncertainty map."""
        return self.samples.std(1)

    def interval(self, level: float = 0.9) -> tuple[Tensor, Tensor]:
        """Return the equal-tailed credible interval of each value: low and high ``(batch, *in_shape)``."""
        return interval(self.samples, level)

    @property
    def chains(self) -> Tensor:
        """Latents with the chains as a dimension of their own ``(batch, chains, draws, n_latent)``."""
        n, n_draws, n_latent = self.latents.shape
        return self.latents.reshape(n, self.n_chains, n_draws // self.n_chains, n_latent)

    @property
    def r_hats(self) -> Tensor:
        """R-hat of each latent ``(batch, n_latent)``; of one chain that of its halves."""
        return r_hat(self.chains)

    @property
    def r_hat(self) -> Tensor | None:
        """Largest R-hat of a latent ``(batch,)``, 1 when the chains agree; None for independent draws."""
        return None if self.n_chains == 1 else self.r_hats.amax(1)

    @property
    def effective_sample_size(self) -> Tensor:
        """Smallest effective sample size of a latent ``(batch,)``; their number for independent draws."""
        if self.ancestors is not None:
            return family_sample_size(self.latents, self.ancestors).amin(1)
        if self.n_chains == 1:
            return torch.full((len(self.samples),), float(self.n_samples), device=self.samples.device)
        return effective_sample_size(self.chains).amin(1)

    @property
    def n_modes(self) -> Tensor | None:
        """How many modes hold more than 1 % of the posterior ``(batch,)``; None if none were looked for."""
        return None if self.mode_weights is None else (self.mode_weights > 0.01).sum(1)

    def summary(self) -> dict[str, object]:
        """Return what a report states, as plain values."""
        mixing: dict[str, object] = {} if self.r_hat is None else {"r_hat_max": float(self.r_hat.max())}
        if self.acceptance is not None:
            mixing["acceptance_mean"] = float(self.acceptance.mean())
        if self.n_modes is not None:
            mixing["several_modes"] = int((self.n_modes > 1).sum())
        return {
            "n_samples": self.n_samples,
            "n_chains": self.n_chains,
            "effective_sample_size_min": float(self.effective_sample_size.min()),
            "standard_deviation_mean": float(self.standard_deviation.mean()),
            **mixing,
        }

    def __repr__(self) -> str:
        """Show how many draws of how many measurements there are, and of how many chains."""
        of = f" in {self.n_chains} chains" if self.n_chains > 1 else ""
        return f"Posterior({self.n_samples} draws{of} of {len(self.samples)} measurements)"
