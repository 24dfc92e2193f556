"""What `Game` costs beside the same training written by hand: CPU seconds of a step, in turns.

The networks, the relativistic objective with R1 and R2 at every step, Adam and the moving average are the
same. The loop by hand is that of R3GAN's code: it takes the discriminator's outputs of a batch once, and the
penalties differentiate them. What it leaves out is what `Game` has beside: numbers for a log, guards against
NaN, seeds of each step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam

from benchmarks.contract import Row, cpu_seconds, markdown_table, one_thread
from sciadv.games.penalties import strength_for
from sciadv.nets import build_seeded
from sciadv.trainings.game.game import Game


@dataclass(frozen=True)
class Timed:
    """What is timed.

    Parameters
    ----------
    side, batch, channels
        Pixels along a side, images of a minibatch, feature maps at half resolution.
    n_steps, n_repeats
        Steps that are timed together, and how often.
    """

    side: int
    batch: int = 32
    channels: int = 16
    n_steps: int = 4
    n_repeats: int = 15

    @property
    def row(self) -> str:
        """Name of the row."""
        return f"overhead: {self.side} x {self.side}"


@dataclass
class ByHand:
    """A generator against a discriminator: the loop as one would write it.

    Parameters
    ----------
    generator, discriminator
        Trained in place.
    images
        ``(n, channels, height, width)`` in [0, 1].
    batch
        Images of a minibatch.
    """

    generator: nn.Module
    discriminator: nn.Module
    images: Tensor
    batch: int

    def __post_init__(self) -> None:
        nets = self.generator, self.discriminator
        self.optimizers = [Adam(net.parameters(), lr=3e-4, betas=(0.0, 0.99)) for net in nets]
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.gamma = strength_for(self.images)
        self.draw = torch.Generator().manual_seed(0)

    def step(self) -> None:
        """Move the discriminator, then the generator, then the average."""
        G, D = self.generator, self.discriminator
        x, z = self.minibatch()
        with torch.no_grad():
            fake = G(z)
        x.requires_grad_()
        fake.requires_grad_()
        real_logits, fake_logits = D(x), D(fake)
        loss = softplus(fake_logits - real_logits).mean()
        for logits, images in ((real_logits, x), (fake_logits, fake)):
            (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
            loss = loss + self.gamma / 2 * slope.square().sum((1, 2, 3)).mean()
        self.move(1, loss)
        x, z = self.minibatch()
        D.requires_grad_(False)
        self.move(0, softplus(D(x) - D(G(z))).mean())
        D.requires_grad_(True)
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), G.parameters(), strict=True):
                mean.lerp_(weight, 1e-3)

    def minibatch(self) -> tuple[Tensor, Tensor]:
        """Return images and latents."""
        chosen = torch.randint(len(self.images), (self.batch,), generator=self.draw)
        return self.images[chosen], torch.randn(self.batch, 20, generator=self.draw)

    def move(self, player: int, loss: Tensor) -> None:
        """Let a player make its step down a loss."""
        self.optimizers[player].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's
        self.optimizers[player].step()


def measure_overhead(timed: Timed, seed: int) -> Row:
    """Time both in turns on one thread; medians of the repeats [CPU ms a step], and their ratio."""
    shape = [1, timed.side, timed.side]
    draw = torch.Generator().manual_seed(seed)
    images = torch.rand(4 * timed.batch, *shape, generator=draw)
    game = Game(*_networks(timed), batch=timed.batch, seed=seed)
    by_hand = ByHand(*_networks(timed), images, timed.batch)
    took: dict[str, list[float]] = {"game": [], "by_hand": []}
    with one_thread():
        for _ in range(timed.n_repeats + 1):
            took["game"].append(_seconds(lambda: game.step(images), timed.n_steps))
            took["by_hand"].append(_seconds(by_hand.step, timed.n_steps))
    ratios = [a / b for a, b in zip(took["game"][1:], took["by_hand"][1:], strict=True)]
    ms = {f"{name}_ms": 1e3 * median(seconds[1:]) for name, seconds in took.items()}
    spread = {"least": min(ratios), "most": max(ratios)}
    return {
        **ms,
        "ratio": median(ratios),
        **spread,
        "cpu_seconds": timed.n_steps * sum(map(sum, took.values())),
    }


def _networks(timed: Timed) -> tuple[nn.Module, nn.Module]:
    """Return a generator and a discriminator whose deepest maps have eight pixels along a side."""
    shape = [1, timed.side, timed.side]
    size = {"image_shape": shape, "channels": timed.channels, "halvings": (timed.side // 8).bit_length() - 1}
    generator = build_seeded({"kind": "conv-decoder", "n_latent": 20, **size}, 0)
    return generator, build_seeded({"kind": "conv-discriminator", **size}, 1)


def _seconds(step: Callable[[], object], n_steps: int) -> float:
    """Return the CPU seconds of a step, the mean of some."""
    with cpu_seconds() as seconds:
        for _ in range(n_steps):
            step()
    return seconds() / n_steps


def overhead_table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    head = ["CPU ms a step", "`Game`", "by hand", "ratio", "least", "most"]
    lines = [
        [
            row["row"].split(": ")[1],
            *(f"{row[key]:.0f}" for key in ("game_ms", "by_hand_ms")),
            *(f"{row[key]:.2f}" for key in ("ratio", "least", "most")),
        ]
        for row in rows
    ]
    return markdown_table(head, lines)
