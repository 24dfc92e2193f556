"""Small circuits cut out of real regulatory networks: what a prior of circuits learns from.

Files are read from ``circuits`` under ``SCIADV_DATA``; nothing is fetched. Priors learn from Boolean models
alone, which may be reproduced freely; the networks of E. coli and man, whose terms bind what is made of them,
are held out. An edge whose sign is unknown, dual or contradictory is left out; of E. coli and man only genes
that regulate others are taken.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.data.circuit_files import has_circuit_file
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.reading import parsing, read_bytes
from sciadv.files.texts import parse_json, read_gzip
from sciadv.metrics.graph import Key, canonical_keys
from sciadv.nets.graph import CHANNELS
from sciadv.physics.regulation.kinetics import circuits_of

_ECOLI = "genenetweaver/ecoli_transcriptional_network_regulonDB_6_7.tsv.gz"
_HUMAN = "trrust_human/trrust_rawdata.human.tsv.gz"
_BOOLEAN = "biodivine_boolean/models.jsonl.gz"
#: Files of each split, and whole networks among them by their names.
FILES = {"train": (_BOOLEAN,), "test": (_BOOLEAN, _ECOLI, _HUMAN)}
_WHOLE = {_ECOLI: "E. coli", _HUMAN: "human"}
#: What the training file is and on which terms, for cards. What is held out: RegulonDB 6.7 by GeneNetWeaver
#: (academic and non-commercial use) and TRRUST v2 (CC BY-SA 4.0).
LICENCE = "Biodivine Boolean Models, commit 314b2fe; free reproduction, models by their authors"
_WORDS = {"+": 1, "-": -1, "Activation": 1, "Repression": -1}
Signs = npt.NDArray[np.int8]
_ADVICE = "copy it again"


@dataclass(frozen=True)
class Network:
    """A regulatory network: its name, and signs ``(genes, genes)`` of the effect of gene i on gene j."""

    name: str
    signs: Signs


def circuit_files(split: str) -> dict[str, Path]:
    """Return the files of real networks of a split by their names.

    Raises
    ------
    UnknownNameError
        There is no such split.
    InputError
        ``SCIADV_DATA`` is not set, or a file is not there.
    """
    if split not in FILES:
        raise UnknownNameError("split", split, FILES)
    root = os.environ.get("SCIADV_DATA")
    if not root:
        raise InputError(
            "real regulatory networks are read from the folder 'circuits' under SCIADV_DATA, which is not set"
        )
    found = {name: Path(root) / "circuits" / name for name in FILES[split]}
    missing = [name for name, path in found.items() if not path.is_file()]
    if missing:
        raise InputError(
            f"{Path(root) / 'circuits'} has no {', '.join(missing)}; set SCIADV_DATA to a folder with it"
        )
    return found


def has_networks() -> bool:
    """Whether all files of real networks are there."""
    return all(has_circuit_file(name) for name in set().union(*FILES.values()))


def data_sha256() -> str:
    """Return the hash of the files that are learnt from, together."""
    digest = hashlib.sha256()
    for path in circuit_files("train").values():
        digest.update(read_bytes(path, advice=_ADVICE))
    return digest.hexdigest()


def load_networks(split: str, *, held_out_every: int = 5) -> list[Network]:
    """Load the real networks of a split; a network is in one split only.

    Training: four in five Boolean models. Held out: E. coli, human (TRRUST), every fifth Boolean model.

    Parameters
    ----------
    split
        "train" or "test".
    held_out_every
        One in so many Boolean models is held out, by its number.

    Raises
    ------
    UnknownNameError
        There is no such split.
    InputError
        The files are not there or not what they should be.
    """
    files = circuit_files(split)
    networks = [
        Network(_WHOLE[name], _signs(_table_edges(_lines(path))))
        for name, path in files.items()
        if name in _WHOLE
    ]
    for line in _lines(files[_BOOLEAN]):
        model = parse_json(line, file=str(files[_BOOLEAN]), advice=_ADVICE)
        is_held_out = int(model["meta"]["id"]) % held_out_every == 0
        if "model.aeon" in model and is_held_out == (split == "test"):
            name = f"{model['meta']['id']} {model['meta']['name']}"
            networks.append(Network(name, _signs(_aeon_edges(model["model.aeon"]), is_boolean=True)))
    return [network for network in networks if np.count_nonzero(network.signs)]


def _lines(path: Path) -> Iterator[str]:
    raw = read_gzip(path, advice=_ADVICE)
    with parsing(path, "gzipped text", _ADVICE):
        lines = raw.decode("utf-8").split("\n")
    yield from (line.rstrip("\r") for line in lines if line.strip())


def _table_edges(lines: Iterator[str]) -> Iterator[tuple[str, str, int]]:
    """Read regulator, target and sign from the first three columns; 0 for unknown and dual signs."""
    for line in lines:
        source, target, word = line.split("\t")[:3]
        yield source, target, _WORDS.get(word, 0)


def _aeon_edges(text: str) -> Iterator[tuple[str, str, int]]:
    """Read ``a -> b``, ``a -| b`` and ``a -? b``; 0 for the last."""
    for source, kind, target in re.findall(r"^\s*(\S+) -([>|?])\??\s+(\S+)\s*$", text, re.MULTILINE):
        yield source, target, {">": 1, "|": -1, "?": 0}[kind]


def _signs(edges: Iterator[tuple[str, str, int]], *, is_boolean: bool = False) -> Signs:
    """Lay edges out; contradictory ones cancel; only regulators count, but of Boolean models all genes."""
    found: dict[tuple[str, str], set[int]] = {}
    for source, target, sign in edges:
        found.setdefault((source, target), set()).add(sign)
    regulators = {source for source, _ in found}
    genes = sorted(regulators if not is_boolean else regulators | {target for _, target in found})
    place = {gene: i for i, gene in enumerate(genes)}
    signs = np.zeros((len(genes), len(genes)), np.int8)
    for (source, target), kinds in found.items():
        if target in place and kinds in ({1}, {-1}):
            signs[place[source], place[target]] = kinds.pop()
    return signs


def subgraphs(
    networks: list[Network], n: int, *, sizes: tuple[int, ...] = (3, 4, 5), seed: int = 0
) -> tuple[Float[Tensor, "batch genes genes"], Float[Tensor, "batch genes"]]:
    """Draw connected induced subgraphs: a network, a gene, then neighbours one by one.

    A network is drawn with the root of its number of edges as its weight, so that the many small Boolean
    models count beside the few large networks; each size has the same probability.

    Parameters
    ----------
    networks
        Where from.
    n
        How many.
    sizes
        Numbers of genes.
    seed
        Seed of the draws.

    Returns
    -------
    Signs, padded to the largest size, and which genes there are.

    Raises
    ------
    InputError
        No network has a connected part that large.
    """
    rng = np.random.default_rng(seed)
    linked = [(network.signs != 0) | (network.signs.T != 0) for network in networks]
    weights = np.array([np.count_nonzero(network.signs) ** 0.5 for network in networks])
    signs = np.zeros((n, max(sizes), max(sizes)), np.float32)
    present = np.zeros((n, max(sizes)), np.float32)
    done, tried = 0, 0
    while done < n:
        tried += 1
        if tried > 100 * n + 100:
            raise InputError(f"the networks have no connected parts of {max(sizes)} genes to draw {n} from")
        which = int(rng.choice(len(networks), p=weights / weights.sum()))
        size = sizes[done % len(sizes)]
        genes = _grow(linked[which], size, rng)
        if genes is not None:
            signs[done, :size, :size] = networks[which].signs[np.ix_(genes, genes)]
            present[done, :size] = 1
            done += 1
    return torch.from_numpy(signs), torch.from_numpy(present)


def _grow(linked: npt.NDArray[np.bool_], size: int, rng: np.random.Generator) -> list[int] | None:
    """Return connected genes in random order; None where the part around the first one is too small."""
    genes = [int(rng.integers(len(linked)))]
    while len(genes) < size:
        border: npt.NDArray[np.bool_] = np.any(linked[genes], axis=0)
        border[genes] = False
        candidates = np.flatnonzero(border)
        if len(candidates) == 0:
            return None
        genes.append(int(rng.choice(candidates)))
    return [int(gene) for gene in rng.permutation(genes)]


@dataclass(frozen=True)
class Topologies:
    """Different small circuits of real networks, and the circuits that are drawn from them to learn from.

    Parameters
    ----------
    signs, presence
        ``(n, genes, genes)`` and ``(n, genes)``, no two the same up to relabelling.
    keys
        Their canonical keys.
    """

    signs: Tensor
    presence: Tensor
    keys: frozenset[Key]

    @staticmethod
    def of(
        networks: list[Network], n_draws: int, *, sizes: tuple[int, ...] = (3, 4, 5), seed: int = 0
    ) -> Topologies:
        """Draw subgraphs and keep each topology once: frequent ones, stars above all, count no more."""
        signs, presence = subgraphs(networks, n_draws, sizes=sizes, seed=seed)
        first: dict[Key, int] = {}
        for place, key in enumerate(canonical_keys(signs, presence)):
            first.setdefault(key, place)
        kept = list(first.values())
        return Topologies(signs[kept], presence[kept], frozenset(first))

    def __call__(self, n: int, generator: torch.Generator) -> Float[Tensor, "batch 7 genes genes"]:
        """Draw circuits: a size, a topology of that size, kinetics anywhere in their ranges, any order."""
        n_genes = self.presence.sum(1).long()
        share = 1 / torch.bincount(n_genes).clamp_min(1)[n_genes].float()
        rows = torch.multinomial(share, n, replacement=True, generator=generator)
        noise = torch.rand(n, self.signs.shape[1], generator=generator) + 2 * (1 - self.presence[rows])
        order = noise.argsort(1)  # absent genes stay last
        signs = self.signs[rows[:, None, None], order[:, :, None], order[:, None, :]]
        places = 2 * torch.rand(n, len(CHANNELS), *signs.shape[1:], generator=generator) - 1
        return circuits_of(signs, presence=self.presence[rows], places=places)
