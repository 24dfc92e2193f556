"""The prior: latents z ~ N(0, I), a generator x = G(z), and an encoder and a card where there are any."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sciadv.arguments.memory import check_memory
from sciadv.arguments.values import as_count, as_dtype, as_one_of, as_tensor, as_text
from sciadv.data.moments import Moments, Residual
from sciadv.data.stationary import StationaryStatistics
from sciadv.drawing.notebook import Described
from sciadv.errors import GeneratorError, InputError
from sciadv.files.cards import CARD, CLASSIFIER, content_hashes, read_card, require_recipe, write_card
from sciadv.files.folders import as_path
from sciadv.files.publishing import publish
from sciadv.files.release.released_priors import whole_prior
from sciadv.metrics.path_length import great_circle
from sciadv.nets.foreign.adapted import adapt
from sciadv.nets.foreign.adapting import Adapting
from sciadv.nets.generator_checks import as_latents, check_generator, run_encoder, run_net, run_sampler
from sciadv.nets.private_copy import private_copy, sharing_copy
from sciadv.nets.spatial.latent_map import resized
from sciadv.nets.wrapping.factory import Factory
from sciadv.nets.wrapping.weights_file import WEIGHTS, as_latent_shape, read_networks, sha256, write_networks
from sciadv.types import Shape, as_device, as_generator

#: Draws that are generated at once; bounds the memory.
_DRAWS_CHUNK = 500
__all__ = ["CARD", "WEIGHTS", "Factory", "Moments", "Prior", "read_card", "sha256"]


@dataclass(frozen=True, eq=False, repr=False)
class Prior(Described):
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
        Statistics of what the generator cannot represent, or None: `complete` learns them from images.
    factory
        What makes the generator, for one that is not of `sciadv.nets`: `save` then writes its name.
    stationary
        Statistics that hold at any size, or None: recipes of kind ``spatial`` learn them.
    sampler
        Module that maps N(0, I) to the flat latents that `sample` generates from, where images lie elsewhere
        than N(0, I) does; or None. Searches weigh latents by N(0, I) all the same.

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
    factory: Factory | None = None
    stationary: StationaryStatistics | None = None
    sampler: nn.Module | None = None

    def __post_init__(self) -> None:
        """Check every field, and hold private copies of the networks."""
        as_text(self.name, "the name of a prior")
        who = f"of prior {self.name!r}"
        own: dict[str, object] = {"latent_shape": as_latent_shape(self.latent_shape)}
        for part, net in self.nets().items():
            what = "a torch.nn.Module" + " or None" * (part != "generator")
            as_one_of(net, f"the {part} {who}", nn.Module, what)
            own[part] = private_copy(net, f"the {part} {who}")
        for part, kind in {"moments": Moments, "residual": Residual, "factory": Factory}.items():
            if getattr(self, part) is not None:
                as_one_of(getattr(self, part), f"{part} {who}", kind, f"{kind.__name__} or None")
        for name, value in own.items():
            object.__setattr__(self, name, value)  # frozen

    @staticmethod
    def from_module(  # noqa: PLR0913  # the fields of `Adapting`
        generator: Any,
        sample: Any = None,
        *,
        latent_shape: int | Shape | None = None,
        space: Literal["z", "w", "w+"] = "z",
        condition: Any = None,
        output: int | str | None = None,
        to_unit: bool = False,
        truncation: float = 1.0,
        is_tied: bool | None = None,
        n_draws: int = 4000,
        seed: int = 0,
        name: str = "custom",
    ) -> Prior:
        """Return the prior of somebody else's generator, with any inputs and outputs.

        `sample` draws what it takes, ``sample(n)``; left out, its inputs are recognised by their names.
        Settings as of `sciadv.nets.foreign.adapting.Adapting`. The card says under "adapter" what was found.

        An `InputError` says what to give where it is not clear what the generator takes or gives.
        """
        how = Adapting(latent_shape, space, condition, output, to_unit, truncation, is_tied, n_draws, seed)
        net = adapt(generator, sample, how)
        return Prior(net, net.n_latent, name=name, card={"adapter": " ".join(net.notes)})

    def nets(self) -> dict[str, nn.Module]:
        """Return the networks that it has, by the names of their fields."""
        others = {"encoder": self.encoder, "sampler": self.sampler}
        return {"generator": self.generator} | {part: net for part, net in others.items() if net is not None}

    def facts_of_itself(self) -> dict[str, object]:
        """Return what it is: its generator by its name, never by its layers."""
        facts = {"name": repr(self.name), "latent": self.latent_shape, "shape": vars(self).get("out_shape")}
        return facts | {"generator": type(self.generator).__name__}

    @property
    def n_latent(self) -> int:
        """Length of a flat latent."""
        return self.latent_shape if isinstance(self.latent_shape, int) else prod(self.latent_shape)

    @cached_property
    def out_shape(self) -> Shape:
        """Shape of one candidate; the generator is tried on a few latents when it is first asked for.

        Raises
        ------
        InputError
            The generator does not take ``(batch, *latent_shape)``, or not what
            `sciadv.nets.generator_checks` asks of it.
        """
        who = f"the generator of prior {self.name!r}"
        n_bytes = 4.0 * self.n_latent * self.dtype.itemsize
        check_memory(n_bytes, f"latents of shape {self.latent_shape}", "give a shorter one")
        try:
            return check_generator(
                self._generate, self.n_latent, dtype=self.dtype, device=self.device, who=who
            )
        except GeneratorError as error:
            raise InputError(
                f"{who} does not take latents of shape (batch, {self.latent_shape}): "
                f"{str(error.__cause__).splitlines()[0]}. Give the latent_shape it was trained with."
            ) from error

    @cached_property
    def example(self) -> Tensor:
        """A draw ``(1, *out_shape)``, always the same one: what operators are tried on."""
        return self.sample(1, seed=0)

    @property
    def device(self) -> torch.device:
        """Device of the generator's parameters, or else of its buffers (cpu if it has neither)."""
        return next((one.device for one in self.generator.state_dict().values()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the generator's parameters, or else of its buffers (float32 if it has neither)."""
        held = self.generator.state_dict().values()
        return next((one.dtype for one in held if one.is_floating_point()), torch.float32)

    def __call__(self, z: Tensor) -> Tensor:
        """Generate candidates from flat latents ``(batch, n_latent)``; differentiable in z.

        Raises
        ------
        GeneratorError
            The generator fails, or a gradient in z is wanted and it gives none.
        """
        candidates: Tensor = self._generate(z)
        if z.requires_grad and torch.is_grad_enabled() and not candidates.requires_grad:
            raise GeneratorError(
                f"the generator of prior {self.name!r} gives candidates that torch cannot differentiate in "
                f"the latent: they are detached from it or do not depend on it"
            )
        return candidates

    def _generate(self, z: Tensor) -> Any:
        """Return what the generator gives."""
        shaped = z if isinstance(self.latent_shape, int) else z.reshape(-1, *self.latent_shape)
        return run_net(self.generator, shaped, f"the generator of prior {self.name!r}")

    def sample_latent(self, n: int, *, seed: int | torch.Generator) -> Tensor:
        """Draw flat latents ``(n, n_latent)`` from N(0, I); the same for a seed on any device."""
        generator = as_generator(seed)
        z = torch.randn(n, self.n_latent, generator=generator, device=generator.device, dtype=self.dtype)
        return z.to(self.device)

    def sample(self, n: int, *, seed: int | torch.Generator) -> Tensor:
        """Draw candidates ``(n, *out_shape)`` from the prior, through its sampler where it has one.

        Raises
        ------
        InputError
            `n` is no whole number >= 1, or so many candidates do not fit into memory.
        """
        n = as_count(n, "n")
        n_bytes = 2.0 * n * (self.n_latent + prod(self.out_shape)) * self.dtype.itemsize
        check_memory(n_bytes, f"{n} draws of prior {self.name!r}", "draw fewer at once", device=self.device)
        draws = torch.split(self.sample_latent(n, seed=seed), _DRAWS_CHUNK)
        with torch.no_grad():
            return torch.cat([self(run_sampler(self.sampler, u, f"prior {self.name!r}")) for u in draws])

    def encode(self, x: Tensor) -> Tensor:
        """Encode candidates to flat latents ``(batch, n_latent)``.

        Raises
        ------
        InputError
            The prior has no encoder, or the candidates are of another shape or not finite.
        """
        if self.encoder is None:
            raise InputError(f"prior {self.name!r} has no encoder; start from a codebook or give z instead")
        candidates = as_tensor(x, "x to encode", device=self.device)
        shapes = self.out_shape, self.n_latent
        return run_encoder(self.encoder, candidates, *shapes, f"prior {self.name!r}")

    def interpolate(self, first: Tensor, second: Tensor, *, n: int = 7) -> Tensor:
        """Return n candidates ``(n, *out_shape)`` from one to another, by latents on their `great_circle`.

        Each end is a flat latent, or a candidate, which is encoded. An `InputError` says which is neither.
        """
        ends = [self._latents(end, name) for end, name in ((first, "first"), (second, "second"))]
        with torch.no_grad():
            return self(great_circle(*ends, n=as_count(n, "n", least=2)))

    def direction(self, with_it: Tensor, without_it: Tensor) -> Tensor:
        """Return the latent step ``(n_latent,)`` that gives an attribute, to be added to latents without it.

        The difference of the mean latents of candidates (or their latents) with and without the attribute:
        A. Radford, L. Metz, S. Chintala, Unsupervised representation learning with deep convolutional GANs,
        ICLR 2016, section 6.3.2. An `InputError` says which is neither.
        """
        return self._latents(with_it, "with_it").mean(0) - self._latents(without_it, "without_it").mean(0)

    def _latents(self, given: Tensor, name: str) -> Tensor:
        """Return flat latents ``(n, n_latent)`` of latents or candidates."""
        known = as_tensor(given, name, device=self.device).to(self.dtype)
        is_one = tuple(known.shape) in ((self.n_latent,), self.out_shape)
        rows = known[None] if is_one else known
        is_candidate = rows.shape[1:] == self.out_shape
        return self.encode(rows) if is_candidate else as_latents(rows, name, self.n_latent)

    def replica(self) -> Prior:
        """Return the prior with modules of its own, which share the weights; what was tried is kept."""
        own = replace(self)
        found = {name: value for name, value in vars(self).items() if name in {"out_shape", "example"}}
        vars(own).update(found)
        return own

    def to(self, device: torch.device | str) -> Prior:
        """Return the prior on another device; this one stays where it is."""
        target = as_device(device)
        moved = {part: sharing_copy(net, f"the {part}").to(target) for part, net in self.nets().items()}
        return replace(self, **moved)  # type: ignore[arg-type]  # keys are fields

    def at_size(self, image_shape: Shape) -> Prior:
        """Return the prior of images of another size, with the same weights: see `resized`."""
        nets = resized(self.generator, self.encoder, self.out_shape, image_shape, f"prior {self.name!r}")
        return replace(self, **nets, moments=None, residual=None, sampler=None)

    def complete(self, images: Any, *, seed: int = 0) -> Prior:
        """Return the prior with all that a solve can use: see `sciadv.recipes.images.completion.complete`.

        Parameters
        ----------
        images
            Of the kind that it generates: array, folder, file or `ImageData`; a part of them is held out.
        seed
            Seed of everything random.
        """
        module = import_module("sciadv.recipes.images.completion")  # of a floor above, as `Registry` finds
        completed: Prior = module.complete(self, images, seed=seed)
        return completed

    @staticmethod
    def load(
        name: str | Path,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        generator: nn.Module | None = None,
        encoder: nn.Module | None = None,
        sampler: nn.Module | None = None,
        allow_factory: bool = False,
    ) -> Prior:
        """Load a prior from the catalogue by name, or from a folder. Runs no code from the files.

        Parameters
        ----------
        name
            A name that ``sciadv list`` shows, or a folder.
        device, dtype
            Where its networks go, and in which precision.
        generator, encoder, sampler
            Networks whose copies get the weights, for files that do not say how theirs are made.
        allow_factory
            Whether a function of yours that the file names may be called to make them (`Factory`).

        Raises
        ------
        UnknownNameError
            The catalogue has no such prior.
        InputError
            The path does not exist, there is no such device, or `dtype` is no floating-point one of torch.
        WeightsError
            The prior is to be fetched, or its weights are truncated, corrupted, or not those of the card.
        """
        target, precision = as_device(device), as_dtype(dtype, is_complex_too=False)
        folder = whole_prior(name)
        card = read_card(folder)
        require_recipe(folder, card)
        given = {"generator": generator, "encoder": encoder, "sampler": sampler}
        nets, latent_shape, factory = read_networks(folder, card, given, allow_factory=allow_factory)
        loaded = {part: net.to(target, precision) for part, net in nets.items()}
        return Prior(
            latent_shape=latent_shape,
            name=folder.name,
            moments=Moments.load(folder, card),
            card=card,
            residual=Residual.load(folder, card),
            stationary=StationaryStatistics.load(folder, card),
            factory=factory,
            **loaded,
        )

    def save(
        self,
        folder: Path | str,
        *,
        recipe_sha256: str = "",
        header: dict[str, str] | None = None,
        text: str = "",
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
            The factory makes another network than the generator.

        Notes
        -----
        Of a generator that is not of `sciadv.nets` the file keeps the weights and the name of its factory;
        without one, `load` needs the network.
        """
        target = as_path(folder, "folder")
        header = header or {key: fact for key, fact in self.card.items() if not key.endswith("sha256")}

        def build(new: Path) -> None:
            write_networks(new, self.nets(), self.factory, self.latent_shape, recipe_sha256=recipe_sha256)
            for statistics in (self.moments, self.residual, self.stationary):
                if statistics is not None:
                    statistics.save(new)
            facts = {"tags": "sciadv", **header, "recipe_sha256": recipe_sha256}
            facts["weights_sha256"] = sha256(new / WEIGHTS)
            others = [target / CLASSIFIER] if (target / CLASSIFIER).is_file() else []
            write_card(new, facts | content_hashes([*new.glob("*.safetensors"), *others]), text)

        return publish(target, build)
