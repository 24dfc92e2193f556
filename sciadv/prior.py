"""The prior: a latent law z ~ N(0, I) and a generator x = G(z); an encoder and a card where there are any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from sciadv.data.moments import MOMENTS, Moments, Residual
from sciadv.errors import InputError, WeightsError
from sciadv.files.cards import (
    CARD,
    CLASSIFIER,
    content_hashes,
    read_card,
    require_bytes_stated,
    require_recipe,
    require_stated,
    write_card,
)
from sciadv.files.folders import find_entry
from sciadv.files.publishing import publish
from sciadv.files.reading import file_sha256
from sciadv.files.weights import TensorFile, read_tensor_file, write_tensors
from sciadv.nets import net_spec
from sciadv.nets.loading import load_net
from sciadv.nets.private_copy import private_copy, sharing_copy
from sciadv.types import Shape, as_device, as_generator

WEIGHTS = "weights.safetensors"
__all__ = ["CARD", "WEIGHTS", "Moments", "Prior", "read_card", "sha256"]


@dataclass(frozen=True, eq=False)
class Prior:
    """``z ~ N(0, I)``, ``x = G(z)``.

    Parameters
    ----------
    generator
        Any module that maps ``(batch, *latent_shape)`` to ``(batch, *out_shape)``. The prior holds a private
        copy in evaluation mode, without gradients, that shares the weights' memory: the module itself keeps
        its mode, its flags and its device, and may be trained on.
    latent_shape
        Shape of one latent as the generator takes it: a number, or a tuple such as ``(100, 1, 1)``.
        Everywhere else a latent is a flat row of `n_latent` numbers.
    encoder
        Module that maps ``(batch, *out_shape)`` to flat latents ``(batch, n_latent)``, or None; held in the
        same way.
    name
        The name in reports.
    moments
        Mean and covariance of the training set, for the LMMSE baseline.
    card
        What the card says: data, licence, metrics.
    residual
        Statistics of what the generator cannot represent, or None:
        `sciadv.solvers.beyond_range.residual_statistics.learn_residual` learns them.

    Examples
    --------
    Wrap any generator in one line:

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(5, 12), torch.nn.Unflatten(1, (1, 3, 4)))
    >>> prior = Prior(net, latent_shape=5)
    >>> prior.out_shape, prior.sample(2, seed=0).shape
    ((1, 3, 4), torch.Size([2, 1, 3, 4]))
    """

    generator: nn.Module
    latent_shape: int | Shape
    encoder: nn.Module | None = None
    name: str = "custom"
    moments: Moments | None = None
    card: dict[str, str] = field(default_factory=dict)
    residual: Residual | None = None

    def __post_init__(self) -> None:
        """Hold private copies of the networks."""
        for role in ("generator", "encoder"):
            net = getattr(self, role)
            if net is not None:
                own = private_copy(net, f"the {role} of prior {self.name!r}")
                object.__setattr__(self, role, own)  # frozen

    @property
    def n_latent(self) -> int:
        """Length of a flat latent."""
        return self.latent_shape if isinstance(self.latent_shape, int) else prod(self.latent_shape)

    @cached_property
    def out_shape(self) -> Shape:
        """Shape of one candidate, found by one pass of the generator.

        Raises
        ------
        InputError
            The generator does not take ``(1, *latent_shape)``.
        """
        z = torch.zeros(1, self.n_latent, device=self.device, dtype=self.dtype)
        try:
            with torch.no_grad():
                return tuple(self(z).shape[1:])
        except (RuntimeError, ValueError, TypeError) as error:
            raise InputError(
                f"the generator of prior {self.name!r} does not take latents of shape "
                f"(batch, {self.latent_shape}): {str(error).splitlines()[0]}. "
                f"Give the latent_shape it was trained with."
            ) from error

    @property
    def device(self) -> torch.device:
        """Device of the generator's parameters (cpu if it has none)."""
        return next((p.device for p in self.generator.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the generator's parameters (float32 if it has none)."""
        return next((p.dtype for p in self.generator.parameters()), torch.float32)

    def __call__(self, z: Tensor) -> Tensor:
        """Generate candidates from flat latents ``(batch, n_latent)``; differentiable in z."""
        if not isinstance(self.latent_shape, int):
            z = z.reshape(-1, *self.latent_shape)
        candidates: Tensor = self.generator(z)
        return candidates

    def sample_latent(self, n: int, *, seed: int | torch.Generator) -> Tensor:
        """Draw flat latents ``(n, n_latent)`` from N(0, I); the same for a seed on any device."""
        generator = as_generator(seed)
        z = torch.randn(n, self.n_latent, generator=generator, device=generator.device, dtype=self.dtype)
        return z.to(self.device)

    def sample(self, n: int, *, seed: int | torch.Generator) -> Tensor:
        """Draw candidates ``(n, *out_shape)`` from the prior."""
        with torch.no_grad():
            return torch.cat([self(z) for z in torch.split(self.sample_latent(n, seed=seed), 500)])

    def encode(self, x: Tensor) -> Tensor:
        """Encode candidates to flat latents ``(batch, n_latent)``.

        Raises
        ------
        InputError
            The prior has no encoder.
        """
        if self.encoder is None:
            raise InputError(f"prior {self.name!r} has no encoder; start from a codebook or give z instead")
        with torch.no_grad():
            latents: Tensor = self.encoder(x)
        return latents

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hold the networks frozen, which they are since the prior was made."""
        yield

    def to(self, device: torch.device | str) -> Prior:
        """Return the prior on another device; this one stays where it is."""
        target = as_device(device)
        generator = sharing_copy(self.generator, "the generator").to(target)
        encoder = None if self.encoder is None else sharing_copy(self.encoder, "the encoder").to(target)
        return replace(self, generator=generator, encoder=encoder)

    @staticmethod
    def load(
        name: str | Path, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Prior:
        """Load a prior from the catalogue by name, or from a folder. Runs no code from the files.

        Raises
        ------
        UnknownNameError
            The catalogue has no such prior.
        WeightsError
            The weights are missing, truncated, corrupted, or not those of the card.
        """
        folder = find_entry("priors", name)
        card = read_card(folder)
        require_recipe(folder, card)
        file = _read_weights(folder, card)
        nets = file.entry("nets")
        if not isinstance(nets, dict) or "generator" not in nets or not set(nets) <= {"generator", "encoder"}:
            raise file.wrong("its header does not describe a generator")
        target = as_device(device)
        loaded = {part: load_net(file, spec, part).to(target, dtype) for part, spec in nets.items()}
        return Prior(
            loaded["generator"],
            _n_latent(file, nets["generator"]),
            loaded.get("encoder"),
            name=folder.name,
            moments=Moments.load(folder / MOMENTS, card),
            card=card,
            residual=Residual.load(folder, card),
        )

    def save(
        self, folder: Path, *, recipe_sha256: str = "", header: dict[str, str] | None = None, text: str = ""
    ) -> Path:
        """Write weights, moments, residual and card to a folder that `Prior.load` reads.

        Parameters
        ----------
        folder
            Made if it is not there.
        recipe_sha256
            Hash of the recipe that trained the networks.
        header
            Further lines of the card's header: licence, data, metrics.
        text
            Body of the card, Markdown.

        Raises
        ------
        InputError
            The generator is not one of `sciadv.nets`, so its file could not say how to build it again.
        """
        nets = {"generator": self.generator} | ({} if self.encoder is None else {"encoder": self.encoder})
        specs = {part: net_spec(net) for part, net in nets.items()}
        tensors = {f"{part}.{p}": t for part, net in nets.items() for p, t in net.state_dict().items()}

        def build(new: Path) -> None:
            write_tensors(new / WEIGHTS, tensors, {"nets": json.dumps(specs), "recipe_sha256": recipe_sha256})
            if self.moments is not None:
                self.moments.save(new / MOMENTS)
            if self.residual is not None:
                self.residual.save(new)
            facts = {"tags": "sciadv", **(header or {}), "recipe_sha256": recipe_sha256}
            facts["weights_sha256"] = sha256(new / WEIGHTS)
            others = [folder / CLASSIFIER] if (folder / CLASSIFIER).is_file() else []
            write_card(new, facts | content_hashes([*new.glob("*.safetensors"), *others]), text)

        return publish(folder, build)


def sha256(path: Path) -> str:
    """Hex sha256 of a file.

    Raises
    ------
    InputError
        It cannot be read.
    """
    return file_sha256(path)


def _read_weights(folder: Path, card: dict[str, str]) -> TensorFile:
    """Read a prior's weights and compare them with the card's hashes."""
    path = folder / WEIGHTS
    if not path.exists():
        raise WeightsError(
            f"prior folder {folder} has no {WEIGHTS}; train it (`sciadv train {folder / 'recipe.toml'}`) "
            f"or fetch it again"
        )
    require_bytes_stated(path, card, "weights_sha256")
    advice = "Fetch it again or write it by Prior.save."
    file = read_tensor_file(path, what="a sciadv prior", advice=advice)
    require_stated(file, card)
    return file


def _n_latent(file: TensorFile, spec: dict[str, object]) -> int:
    n_latent = spec.get("n_latent")
    if isinstance(n_latent, bool) or not isinstance(n_latent, int) or n_latent < 1:
        raise file.wrong(f"its generator has n_latent = {n_latent!r}")
    return n_latent
