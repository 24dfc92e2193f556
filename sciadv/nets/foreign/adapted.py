"""Any generator behind one flat row of standard normal numbers: the one interface of searches."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sciadv.arguments.values import shown
from sciadv.errors import InputError
from sciadv.nets.foreign.adapting import Adapting
from sciadv.nets.foreign.candidate_output import find_output, follow
from sciadv.nets.foreign.fixed_noise import FixedNoise
from sciadv.nets.foreign.guessed_inputs import guess
from sciadv.nets.foreign.input_tree import call, tensors_in, with_tensors
from sciadv.nets.foreign.latent_parts import Chosen
from sciadv.nets.foreign.learned_parts import Learning, learn_part
from sciadv.nets.private_copy import private_copy
from sciadv.nets.seeded import SeededDraws
from sciadv.types import as_generator

Sample = Callable[..., Any]


@final
class AdaptedGenerator(nn.Module):
    """A network of any inputs and outputs as one that maps flat latents ``(batch, n_latent)`` to candidates.

    Parameters
    ----------
    network
        The network.
    inputs
        A tree of its inputs whose tensors are the numbers of their parts.
    parts
        What makes each input, see `sciadv.nets.foreign.latent_parts`.
    way
        Where the candidates lie in what it gives.
    low, high
        The range of its candidates that is mapped to [0, 1]; both None to leave them as they are.
    notes
        What was found, in sentences.
    """

    def __init__(  # what an adapter holds
        self,
        network: nn.Module,
        inputs: Any,
        parts: list[nn.Module],
        *,
        way: tuple[int | str, ...] = (),
        low: float | None = None,
        high: float | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.network = network
        self.inputs = inputs
        self.parts = nn.ModuleList(parts)
        self.way = way
        self.low = low
        self.high = high
        self.notes = notes

    @property
    def n_latent(self) -> int:
        """Length of a flat latent."""
        return sum(_length(part) for part in self.parts)

    @property
    def choices(self) -> tuple[tuple[slice, Chosen], ...]:
        """The choices among values, each with its place in a flat latent."""
        ends = [*accumulate((_length(part) for part in self.parts), initial=0)]
        placed: Any = zip(pairwise(ends), self.parts, strict=True)
        chosen = ((slice(*ends), part) for ends, part in placed if hasattr(part, "index"))
        return tuple(chosen)

    def arguments(self, z: Tensor) -> Any:
        """Return the inputs of the network for flat latents ``(batch, n_latent)``."""
        pieces = torch.split(z, [_length(part) for part in self.parts], 1)
        made = [part(piece) for part, piece in zip(self.parts, pieces, strict=True)]
        return with_tensors(self.inputs, (made[int(number)] for number in tensors_in(self.inputs)))

    def forward(self, z: Tensor) -> Tensor:
        """Generate candidates."""
        candidates: Tensor = follow(call(self.network, self.arguments(z)), self.way)
        if self.low is None or self.high is None:
            return candidates
        return (candidates - self.low) / (self.high - self.low)


def _length(part: nn.Module) -> int:
    return int(part.n_latent)  # type: ignore[arg-type]  # typed Tensor | Module


@final
class _Function(nn.Module):
    """A function, or a method of a module, as a module that takes a tree of inputs."""

    takes_tree = True

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        owner = getattr(function, "__self__", None)
        self.owner = owner if isinstance(owner, nn.Module) else None
        self.name = getattr(function, "__name__", "") if self.owner is not None else ""
        self.function = None if self.owner is not None else function

    @property
    def called(self) -> Callable[..., Any]:
        """The function."""
        function: Callable[..., Any] = self.function or getattr(self.owner, self.name)
        return function

    def forward(self, tree: Any) -> Any:
        """Call it with a tree of inputs."""
        return call(self.called, tree)


def adapt(generator: Any, sample: Sample | None, how: Adapting) -> AdaptedGenerator:
    """Return a generator behind flat standard normal latents.

    Parameters
    ----------
    generator
        A module, a method of one, or a function.
    sample
        Draws of its inputs, or what draws them; None to tell them by its names.
    how
        What is known of it.

    Raises
    ------
    InputError
        It is not clear what it takes or which output is meant, or the draws are not usable.
    """
    with torch.random.fork_rng(devices=[]):  # a generator may draw torch's own numbers
        network = _own(_as_module(generator))
        who = f"the generator ({type(_as_module(generator)).__name__})"
        device = next((p.device for p in network.parameters()), torch.device("cpu"))
        with SeededDraws(as_generator(how.seed)):
            called, draw = (network, sample) if sample is not None else guess(network, how, who)
            inputs = _draws(draw, how.n_draws, how.seed)
        inner = called if isinstance(called, nn.Module) else _Function(called)
        tree, parts, notes = _learned(inputs, inner, how)
        adapted = AdaptedGenerator(inner, tree, parts).to(device)
        if adapted.n_latent == 0:
            raise InputError(
                f"no input of {who} changes from draw to draw; `sample` must give random latents"
            )
        notes += _calibrated(adapted, how.n_draws)
        made, noise = _repeated(adapted, how.seed)
        adapted.way, words = find_output(made, 3, how.output, who)
        notes += noise + ([f"The candidates are {words}."] if words else [])
        return _ranged(adapted, notes, to_unit=how.to_unit)


def _own(generator: nn.Module) -> nn.Module:
    """Return a private copy of a generator, in single precision where it has half."""
    network = private_copy(generator, "the generator")
    for each in network.modules():
        if any(p.dtype in (torch.float16, torch.bfloat16) for p in each.parameters(recurse=False)):
            each.float()
    return network


def _as_module(generator: Any) -> nn.Module:
    """Return a generator as a module, without the wrappers of parallel and compiled ones."""
    for name in ("_orig_mod", "module"):
        inner = getattr(generator, name, None)
        if isinstance(inner, nn.Module) and type(generator).__name__ in (
            "OptimizedModule",
            "DataParallel",
            "DistributedDataParallel",
        ):
            return _as_module(inner)
    if isinstance(generator, nn.Module):
        return generator
    if callable(generator):
        return _Function(generator)
    raise InputError(f"the generator must be a torch.nn.Module or a function, but it is {shown(generator)}")


def _draws(sample: Any, n: int, seed: int) -> Any:
    """Return n draws of the inputs."""
    if not callable(sample):
        return sample
    try:
        takes_generator = "generator" in inspect.signature(sample).parameters
    except (TypeError, ValueError):
        takes_generator = False
    with torch.no_grad():
        return sample(n, generator=as_generator(seed)) if takes_generator else sample(n)


def _learned(inputs: Any, network: nn.Module, how: Adapting) -> tuple[Any, list[nn.Module], list[str]]:
    """Return the tree with the numbers of the parts, the parts, and what they are in sentences."""
    draws = [tensor.detach() for tensor in tensors_in(inputs)]
    n = max((len(one) for one in draws if one.ndim), default=0)
    n = how.n_draws if any(one.ndim and len(one) == how.n_draws for one in draws) else n
    dtype = next((p.dtype for p in network.parameters() if p.dtype.is_floating_point), torch.float32)
    kept: list[Tensor] = []
    numbers: list[Tensor] = []
    parts: list[nn.Module] = []
    notes: list[str] = []
    for i, one in enumerate(draws):
        value = one.to(dtype) if one.is_floating_point() else one
        alike = [
            k for k, other in enumerate(kept) if other.dtype == value.dtype and torch.equal(other, value)
        ]
        same = alike if how.keeps_ties else []
        if same:
            numbers.append(torch.tensor(same[0]))
            continue
        learning = Learning(truncation=how.truncation)
        part, words = learn_part(value.cpu(), n, is_tied=how.keeps_ties, how=learning)
        numbers.append(torch.tensor(len(parts)))
        kept.append(value)
        parts.append(part)
        notes.append(f"Input {i + 1} of {len(draws)}, {tuple(value.shape[1:])}: {words}.")
    return with_tensors(inputs, iter(numbers)), parts, notes


def _calibrated(adapted: AdaptedGenerator, n_draws: int) -> list[str]:
    """Give batch normalisation without running statistics those of draws; say so."""
    layers = [m for m in adapted.modules() if isinstance(m, _BatchNorm) and m.running_mean is None]
    if not layers:
        return []

    def keep(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        axes = [axis for axis in range(given[0].ndim) if axis != 1]
        layer.running_mean = given[0].mean(axes)
        layer.running_var = given[0].var(axes, unbiased=False)

    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    n = min(256, n_draws)
    with torch.no_grad():
        call(adapted.network, adapted.arguments(_latents(adapted, n)))
    for hook in hooks:
        hook.remove()
    return [
        f"{len(layers)} layers of batch normalisation had no running statistics; they have those of {n} "
        f"draws."
    ]


def _latents(adapted: AdaptedGenerator, n: int, seed: int = 0) -> Tensor:
    parameter = next(adapted.parameters(), None)
    dtype = torch.float32 if parameter is None else parameter.dtype
    device = torch.device("cpu") if parameter is None else parameter.device
    return torch.randn(n, adapted.n_latent, generator=as_generator(seed), dtype=dtype).to(device)


def _repeated(adapted: AdaptedGenerator, seed: int) -> tuple[Any, list[str]]:
    """Return what the network gives; where it draws noise of its own, hold that fixed and say so."""
    inputs = adapted.arguments(_latents(adapted, 3))
    fixed = FixedNoise(adapted.network, seed=seed)
    with torch.no_grad():
        made = call(adapted.network, inputs)
        again = call(adapted.network, inputs)
        held = call(fixed, inputs)
    repeats = all(map(torch.equal, tensors_in(made), tensors_in(again)))
    if fixed.n_draws == 0 and repeats:
        return made, []
    adapted.network = fixed
    n = fixed.n_draws
    note = f"The network draws noise of its own; its {n} tensors are fixed (seed {seed})."
    return held, [note]


def _ranged(adapted: AdaptedGenerator, notes: list[str], *, to_unit: bool) -> AdaptedGenerator:
    """Say which range the candidates have, and map it to [0, 1] if that is asked for."""
    with torch.no_grad():
        x = adapted(_latents(adapted, 16))
    low = float(x.min())
    high = float(x.max())
    ends = None
    words = f"real numbers, {low:.3g} to {high:.3g} in 16 draws"
    if low >= -1 and high <= 1:
        ends = (-1.0 if low < 0 else 0.0, 1.0)
        words = f"[{ends[0]:g}, 1]"
    adapted.notes = (*notes, f"Range of the candidates: {words}.")
    if to_unit:
        if ends is None:
            raise InputError(f"to_unit=True needs candidates in [-1, 1] or [0, 1], but they are {words}")
        adapted.low, adapted.high = ends
    return adapted
