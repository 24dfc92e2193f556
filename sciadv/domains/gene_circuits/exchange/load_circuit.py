"""Circuits of any file, by its suffix: what is in it as signs, as kinetics, and as a reaction network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from sciadv.domains.gene_circuits.exchange.kinetic.antimony_networks import network_from_antimony
from sciadv.domains.gene_circuits.exchange.kinetic.recognised import recognised_circuit
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_reading import network_from_sbml
from sciadv.domains.gene_circuits.exchange.signed.boolean_networks import signed_from_aeon, signed_from_bnet
from sciadv.domains.gene_circuits.exchange.signed.edge_lists import (
    signed_from_circuitree,
    signed_from_edge_list,
    signed_from_sif,
    signed_from_topo,
)
from sciadv.domains.gene_circuits.exchange.signed.sbml_qual import signed_from_sbml_qual
from sciadv.domains.gene_circuits.exchange.signed.signed_network import SignedNetwork
from sciadv.errors import InputError
from sciadv.files.reading import read_bytes
from sciadv.files.texts import read_gzip
from sciadv.physics.reactions.equations import Equations
from sciadv.physics.reactions.network import ReactionNetwork

_SIGNED: dict[str, Callable[..., SignedNetwork]] = {
    ".bnet": signed_from_bnet,
    ".aeon": signed_from_aeon,
    ".topo": signed_from_topo,
    ".sif": signed_from_sif,
    ".csv": signed_from_edge_list,
    ".tsv": signed_from_edge_list,
    ".edges": signed_from_edge_list,
}
_SBML = (".xml", ".sbml")
_ANTIMONY = (".ant", ".antimony", ".txt")
SUFFIXES = (*_SIGNED, *_SBML, *_ANTIMONY, ".circuitree")


@dataclass(frozen=True, repr=False)
class LoadedCircuit:
    """What a file says of a circuit.

    Parameters
    ----------
    signed
        Genes and signs; None where the file has reactions that are no circuit of genes.
    circuit
        ``(7, genes, genes)``: with the file's kinetics where it has such, else in the middle of their ranges;
        None where there is none.
    network
        The reactions, where the file has some: for `trajectories` and `designable`.
    messages
        What was read, what was not, and why: sentences.
    """

    signed: SignedNetwork | None
    circuit: Tensor | None
    network: ReactionNetwork | None
    messages: tuple[str, ...]

    def __repr__(self) -> str:
        """Say what was read."""
        return f"LoadedCircuit({'; '.join(self.messages)})"


def load_circuit(path: str | Path) -> LoadedCircuit:
    """Read a circuit from a file by its suffix, which ``.gz`` may follow.

    Parameters
    ----------
    path
        SBML (``.xml``, ``.sbml``; qualitative models too), Antimony (``.ant``, ``.antimony``, ``.txt``),
        Boolean rules (``.bnet``, ``.aeon``), RACIPE's ``.topo``, edge lists (``.sif``, ``.csv``, ``.tsv``,
        ``.edges``), or CircuiTree's text (``.circuitree``).

    Raises
    ------
    InputError
        The file cannot be read, its suffix is none of these, or it is not what the suffix says.
    MissingPackageError
        What reads it is not installed.
    """
    file = Path(path)
    text = _text(file)
    suffixes = [one.lower() for one in file.suffixes if one.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in _SIGNED:
        return _of_signs(_SIGNED[suffix](text, file=file.name))
    if suffix == ".circuitree":
        return _of_signs(signed_from_circuitree(text))
    if suffix in _SBML:
        if "/qual/" in text[:4000]:
            return _of_signs(signed_from_sbml_qual(text, file=file.name))
        return _of_reactions(network_from_sbml(text, file=file.name, folder=str(file.resolve().parent)))
    if suffix in _ANTIMONY:
        return _of_reactions(network_from_antimony(text, file=file.name))
    raise InputError(f"circuits are read from files that end in {', '.join(SUFFIXES)}, not from {file.name}")


def _text(file: Path) -> str:
    advice = "give a file with a circuit"
    is_packed = file.suffix.lower() == ".gz"
    raw = read_gzip(file, advice=advice) if is_packed else read_bytes(file, advice=advice)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} cannot be read as text: {error}; give a text file") from error


def _of_signs(signed: SignedNetwork) -> LoadedCircuit:
    words = "its kinetics are in the middle of their ranges: the file has none"
    return LoadedCircuit(signed, signed.circuit(), None, (*signed.messages, words))


def _of_reactions(network: ReactionNetwork) -> LoadedCircuit:
    """Return a network, and the circuit that it is where it is one."""
    size = f"{len(network.species)} species and {len(network.reactions)} reactions"
    left_out = (f"not expressed: {one}" for one in network.unexpressed)
    said = (size, *network.notes, *_without_value(network), *left_out)
    try:
        found = recognised_circuit(network)
    except InputError as error:
        return LoadedCircuit(None, None, network, (*said, f"no circuit of genes was recognised: {error}"))
    signed = SignedNetwork.from_signs(found.genes, found.circuit[0])
    return LoadedCircuit(signed, found.circuit, network, (*said, *signed.messages))


def _without_value(network: ReactionNetwork) -> tuple[str, ...]:
    """Say what the file gives no value although trajectories depend on it."""
    try:
        missing = Equations(network).missing
    except InputError:
        return ()  # said where a circuit is looked for
    return tuple(f"{key} has no value in the file and counts as 0; give it one" for key in missing)
