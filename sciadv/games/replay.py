"""Which samples a player sees again: a replay buffer of fakes, an elite, and the top k of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.registry.checked import checked


@final
class ReplayBuffer:
    """Fakes of the past, so that the discriminator does not forget what it has learned to refuse.

    Parameters
    ----------
    capacity
        Samples kept, >= 1. When full, a new sample takes a random place.

    Raises
    ------
    InputError
        `capacity` < 1.

    References
    ----------
    A. Shrivastava et al., Learning from simulated and unsupervised images through adversarial training,
    CVPR 2017, section 2.3.
    """

    option_kind: ClassVar[str] = "replay"

    @checked
    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise InputError(
                f"a replay buffer needs room for at least one sample, but capacity is {capacity}"
            )
        self.capacity = capacity
        self.samples: Tensor | None = None

    def __repr__(self) -> str:
        """Say the capacity."""
        return f"ReplayBuffer({self.capacity})"

    def __len__(self) -> int:
        return 0 if self.samples is None else self.samples.shape[0]

    def push(self, fake: Tensor, *, generator: torch.Generator | None = None) -> None:
        """Take a batch of fakes in; a batch larger than the buffer leaves its last samples."""
        fake = fake.detach()[-self.capacity :].clone()
        if self.samples is None:
            self.samples = fake
            return
        room = self.capacity - len(self)
        self.samples = torch.cat([self.samples, fake[:room]])
        rest = fake[room:]
        places = torch.randperm(self.capacity, generator=generator, device=fake.device)[: rest.shape[0]]
        if rest.shape[0]:
            self.samples[places] = rest

    def mixed(self, fake: Tensor, *, share: float = 0.5, generator: torch.Generator | None = None) -> Tensor:
        """Return the batch with a share of it, drawn at random, replaced by samples of the buffer.

        The rest of the batch keeps its graph. Call `push` with the new fakes afterwards.
        """
        n_old = min(int(share * fake.shape[0]), len(self))
        if self.samples is None or n_old == 0:
            return fake
        old = torch.randperm(len(self), generator=generator, device=fake.device)[:n_old]
        kept = torch.randperm(fake.shape[0], generator=generator, device=fake.device)[n_old:]
        return torch.cat([self.samples[old].to(fake.dtype), fake[kept]])

    def state_dict(self) -> dict[str, Tensor]:
        """Return the samples, for a checkpoint."""
        return {} if self.samples is None else {"samples": self.samples}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.samples = state["samples"].clone() if "samples" in state else None


@final
class Elite:
    """The best generated samples so far by a score, no two nearer than a floor; they go back in as real ones.

    Parameters
    ----------
    capacity
        Samples kept, >= 1.
    floor
        Least Euclidean distance between two of them [unit of the samples]; of two nearer ones the better
        stays.

    Raises
    ------
    InputError
        `capacity` < 1, or scores that are not one a sample.

    References
    ----------
    A. Gupta, J. Zou, Feedback GAN for DNA optimizes protein functions, Nature Machine Intelligence 1,
    2019.
    """

    @checked
    def __init__(self, capacity: int, *, floor: float = 0.0) -> None:
        if capacity < 1:
            raise InputError(f"an elite needs room for at least one sample, but capacity is {capacity}")
        self.capacity, self.floor = capacity, floor
        self.samples: Tensor | None = None
        self.scores: Tensor | None = None

    def push(self, samples: Tensor, scores: Tensor) -> None:
        """Let a batch compete for the places; a higher score is better."""
        if scores.shape != samples.shape[:1]:
            raise InputError(
                f"an elite needs one score a sample, but samples are {tuple(samples.shape)} and scores "
                f"{tuple(scores.shape)}"
            )
        samples, scores = samples.detach(), scores.detach()
        if self.samples is not None and self.scores is not None:
            samples, scores = torch.cat([self.samples, samples]), torch.cat([self.scores, scores])
        order = scores.argsort(descending=True, stable=True)
        chosen = self._apart(samples[order].flatten(1))
        self.samples, self.scores = samples[order][chosen].clone(), scores[order][chosen].clone()

    def _apart(self, points: Tensor) -> list[int]:
        """Greedy choice, best first, of points that keep the floor."""
        chosen: list[int] = []
        for i in range(points.shape[0]):
            if len(chosen) == self.capacity:
                break
            if not chosen or bool(((points[chosen] - points[i]).norm(dim=1) >= self.floor).all()):
                chosen.append(i)
        return chosen

    def sample(self, n: int, *, generator: torch.Generator) -> Tensor:
        """Draw `n` of the elite with replacement.

        Raises
        ------
        InputError
            Nothing has been pushed yet.
        """
        if self.samples is None:
            raise InputError("the elite is empty; push samples with their scores first")
        places = torch.randint(self.samples.shape[0], (n,), generator=generator, device=self.samples.device)
        return self.samples[places]

    def state_dict(self) -> dict[str, Tensor]:
        """Return samples and scores, for a checkpoint."""
        if self.samples is None or self.scores is None:
            return {}
        return {"samples": self.samples, "scores": self.scores}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.samples, self.scores = state.get("samples"), state.get("scores")


@final
class Feedback:
    """Puts the elite of the fakes, by a score of yours, among the real samples of every batch.

    Parameters
    ----------
    score
        Scores samples ``(batch, ...) -> (batch,)``; higher is better.
    elite
        Where the best are kept.
    share
        Part of a real batch that is replaced by the elite, in [0, 1).

    Raises
    ------
    InputError
        `share` is not in [0, 1).

    References
    ----------
    A. Gupta, J. Zou, Feedback GAN for DNA optimizes protein functions, Nature Machine Intelligence 1, 2019.
    """

    @checked
    def __init__(self, score: Callable[[Tensor], Tensor], elite: Elite, *, share: float = 0.1) -> None:
        if not 0 <= share < 1:
            raise InputError(f"the share of the elite in a real batch must be in [0, 1), but is {share}")
        self.score, self.elite, self.share = score, elite, share

    @torch.no_grad()
    def push(self, fake: Tensor) -> None:
        """Let a batch of fakes compete for the places."""
        self.elite.push(fake, self.score(fake))

    def mixed(self, real: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return the batch with its last samples replaced by draws of the elite, while there is one."""
        n = int(self.share * real.shape[0])
        if n == 0 or self.elite.samples is None:
            return real
        drawn = self.elite.sample(n, generator=generator)
        return torch.cat([real[: real.shape[0] - n], drawn.to(real.dtype)])

    def state_dict(self) -> dict[str, Tensor]:
        """Return the elite, for a checkpoint."""
        return self.elite.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.elite.load_state_dict(state)


@final
@checked
@dataclass(frozen=True, kw_only=True)
class TopK:
    """The fakes with the highest logits only: the generator's gradient forgets the hopeless ones.

    Parameters
    ----------
    floor
        Least share of the batch, in (0, 1].
    decay
        The share at step t is ``max(floor, decay^t)``; in (0, 1].

    Raises
    ------
    InputError
        `floor` or `decay` not in (0, 1].

    References
    ----------
    S. Sinha, Z. Zhao, A. Goyal, C. Raffel, A. Odena, Top-k training of GANs, NeurIPS 2020, Algorithm 1.
    """

    option_kind: ClassVar[str] = "top-k"

    floor: float = 0.5
    decay: float = 0.999

    def __post_init__(self) -> None:
        if not (0 < self.floor <= 1 and 0 < self.decay <= 1):
            raise InputError(
                f"top-k needs floor and decay in (0, 1], but they are {self.floor} and {self.decay}"
            )

    def __call__(self, fake_logits: Tensor, step: int) -> Tensor:
        """Return the indices of the samples that the generator learns from at a step, best first."""
        n = fake_logits.shape[0]
        k = max(1, round(n * max(self.floor, self.decay**step)))
        scores = fake_logits.reshape(n, -1).mean(1)
        return scores.topk(k).indices
