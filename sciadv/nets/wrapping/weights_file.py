"""A prior's weights file: where it lies, and what its header says of latents and networks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from numbers import Number
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sciadv.arguments.values import as_count, as_scalar, as_shape
from sciadv.errors import InputError, WeightsError
from sciadv.files.cards import require_bytes_stated, require_stated
from sciadv.files.folders import as_path
from sciadv.files.reading import file_sha256
from sciadv.files.weights import TensorFile, read_tensor_file, write_tensors
from sciadv.nets import NETS
from sciadv.nets.wrapping.factory import Factory, loaded_net, saved_spec
from sciadv.types import Shape

WEIGHTS = "weights.safetensors"
#: The networks that a prior may have.
PARTS = {"generator", "encoder", "sampler"}


def as_latent_shape(value: object) -> int | Shape:
    """Return a latent shape as it was given: a number, or a tuple."""
    if isinstance(as_scalar(value), Number):
        return as_count(value, "latent_shape")
    return as_shape(value, "latent_shape")


def read_weights(folder: Path, card: dict[str, str]) -> TensorFile:
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


def write_networks(
    folder: Path,
    nets: Mapping[str, nn.Module],
    factory: Factory | None,
    latent_shape: int | Shape,
    *,
    recipe_sha256: str,
) -> None:
    """Write the weights of a prior's networks, and how they are made, to a folder.

    Raises
    ------
    InputError
        The factory makes another network than the generator.

    Notes
    -----
    Where every weight of all of them is a number of half precision, they are written in 16 bits.
    """
    factories = {"generator": factory}
    specs = {part: saved_spec(net, factories.get(part)) for part, net in nets.items()}
    texts = {"nets": json.dumps(specs), "recipe_sha256": recipe_sha256}
    if specs["generator"].get("kind") not in NETS:
        texts["latent_shape"] = json.dumps(latent_shape)
    tensors = {f"{part}.{p}": t for part, net in nets.items() for p, t in net.state_dict().items()}
    write_tensors(folder / WEIGHTS, in_half(tensors), texts)


def in_half(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return tensors in half precision where that loses nothing of any of them, and as they are elsewhere.

    Examples
    --------
    >>> import torch
    >>> [in_half({"w": torch.tensor([w])})["w"].dtype for w in (0.5, 0.1)]
    [torch.float16, torch.float32]
    """
    halves = {key: t.half() if t.is_floating_point() else t for key, t in tensors.items()}
    is_lossless = all(torch.equal(halves[key].to(t.dtype), t) for key, t in tensors.items())
    return halves if is_lossless else tensors


def read_networks(
    folder: Path, card: dict[str, str], given: Mapping[str, nn.Module | None], *, allow_factory: bool
) -> tuple[dict[str, nn.Module], int | Shape, Factory | None]:
    """Read a prior's networks by their places, the shape of its latent, and the generator's factory.

    Parameters
    ----------
    folder
        The prior's folder.
    card
        Its card, with the hashes.
    given
        Networks whose copies get the weights, by their places; None for those that the file makes.
    allow_factory
        Whether a function that the file names may be called.

    Raises
    ------
    WeightsError
        The weights are missing, broken, or not those of the card.
    """
    file = read_weights(folder, card)
    specs = file.entry("nets")
    if not isinstance(specs, dict) or "generator" not in specs or not set(specs) <= PARTS:
        raise file.wrong("its header does not describe a generator")
    nets = {
        part: loaded_net(file, spec, part, given=given[part], allow_factory=allow_factory)
        for part, spec in specs.items()
    }
    return nets, latent_shape_in(file, specs["generator"]), factory_in(specs["generator"])


def factory_in(spec: dict[str, Any]) -> Factory | None:
    """Return the factory that a file names for a network; None where it names none."""
    return Factory(spec["target"], spec["arguments"]) if spec.get("kind") == "factory" else None


def latent_shape_in(file: TensorFile, spec: dict[str, object]) -> int | Shape:
    """Return the shape of a latent: as the file states it, or as the generator's settings do."""
    if "latent_shape" not in file.header:
        return _n_latent(file, spec)
    stated = file.entry("latent_shape")
    try:
        return as_latent_shape(tuple(stated) if isinstance(stated, list) else stated)
    except InputError as error:
        raise file.wrong(str(error)) from error


def _n_latent(file: TensorFile, spec: dict[str, object]) -> int:
    inner = spec.get("inner")
    if isinstance(inner, dict) and "n_latent" not in spec:
        return _n_latent(file, inner)
    n_latent = spec.get("n_latent")
    if isinstance(n_latent, bool) or not isinstance(n_latent, int) or n_latent < 1:
        raise file.wrong(f"its generator has n_latent = {n_latent!r}")
    return n_latent


def sha256(path: Path | str) -> str:
    """Hex sha256 of a file.

    Raises
    ------
    InputError
        It cannot be read.
    """
    return file_sha256(as_path(path))
