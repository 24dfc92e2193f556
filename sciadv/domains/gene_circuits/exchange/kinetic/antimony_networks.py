"""Reaction networks as Antimony texts, both ways, by libantimony (which speaks SBML).

libantimony writes functions out where they are called, makes local parameters global, turns some initial
amounts into concentrations and rewrites units; trajectories stay the same, and a second trip changes nothing.
Names that Antimony reserves are changed here, and comments at the head of the text say so.
"""

from __future__ import annotations

from types import ModuleType

from sciadv.domains.gene_circuits.exchange.kinetic.sbml_reading import network_from_sbml
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_writing import network_to_sbml
from sciadv.domains.gene_circuits.exchange.safe_names import renamed_words, safe_names
from sciadv.errors import InputError, MissingPackageError
from sciadv.physics.reactions.network import ReactionNetwork
from sciadv.physics.reactions.renaming import identifiers, renamed_network


def libantimony() -> ModuleType:
    """Return the library that reads and writes Antimony, without what it read before.

    Raises
    ------
    MissingPackageError
        It is not installed.
    """
    try:
        import antimony
    except ImportError as error:
        raise MissingPackageError(
            "Antimony needs the package antimony, which is not installed; pip install 'sciadv[circuits]'"
        ) from error
    antimony.clearPreviousLoads()
    return antimony  # type: ignore[no-any-return]


def network_from_antimony(text: str, *, file: str = "the text") -> ReactionNetwork:
    """Return the network of an Antimony text; of several models, the last one.

    Raises
    ------
    InputError
        It is not Antimony (libantimony's message has the line), or what it says is no valid SBML.
    MissingPackageError
        antimony or python-libsbml is not installed.
    """
    library = libantimony()
    if library.loadAntimonyString(text) < 0:
        raise InputError(f"{file} is not valid Antimony: {' '.join(library.getLastError().split())[:400]}")
    return network_from_sbml(library.getSBMLString(library.getMainModuleName()), file=file)


def network_to_antimony(network: ReactionNetwork) -> str:
    """Return a network as Antimony, with a comment for each name that had to change.

    Raises
    ------
    InputError
        It has parts that are not expressed, or libantimony refuses it.
    MissingPackageError
        antimony or python-libsbml is not installed.
    """
    names = safe_names(list(dict.fromkeys(identifiers(network))))
    library = libantimony()
    if library.loadSBMLString(network_to_sbml(renamed_network(network, names))) < 0:
        words = " ".join(library.getLastError().split())[:400]
        raise InputError(f"libantimony cannot write {network.id}: {words}")
    text = str(library.getAntimonyString(library.getMainModuleName()))
    return "".join(f"// {words}\n" for words in renamed_words(names)) + text
