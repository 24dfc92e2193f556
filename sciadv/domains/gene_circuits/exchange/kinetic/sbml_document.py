"""SBML texts as checked documents of Level 3, and what their packages ask for."""

from __future__ import annotations

from typing import Any

from sciadv.domains.gene_circuits.exchange.kinetic.mathml import libsbml
from sciadv.errors import InputError

#: Packages that change no trajectory: what is drawn, grouped, or said of fluxes and uncertainty.
_SILENT = {"layout", "render", "groups", "fbc", "distrib"}


def document_of(text: str, *, file: str, folder: str = "") -> Any:
    """Return a text as a document of SBML Level 3 without submodels; those of other files are in the folder.

    Raises
    ------
    InputError
        It is not XML, not SBML, or libSBML finds an error, which is given with its line.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise InputError(f"{file} is not SBML: it is not XML, which begins with '<'; give an SBML file")
    document = libsbml().readSBMLFromString(text.lstrip("\ufeff \t\r\n"))
    refuse_errors(document, file)
    _refuse_inconsistencies(document, file)
    if folder:
        document.setLocationURI(f"file:{folder}/model.xml")
    if document.getPlugin("comp") is not None:
        _convert(document, file, "flatten comp", "submodels cannot be flattened")
    if document.getLevel() < 3:
        _to_level_3(document, file)
    return document


def _refuse_inconsistencies(document: Any, file: str) -> None:
    """Raise what breaks SBML's rules of names, references and formulas; units are not checked."""
    library = libsbml()
    for category in ("UNITS_CONSISTENCY", "MODELING_PRACTICE", "SBO_CONSISTENCY", "OVERDETERMINED_MODEL"):
        document.setConsistencyChecks(getattr(library, f"LIBSBML_CAT_{category}"), False)
    document.checkConsistency()
    refuse_errors(document, file)


def refuse_errors(document: Any, file: str) -> None:
    """Raise what libSBML found wrong first.

    Raises
    ------
    InputError
        It found an error.
    """
    library = libsbml()
    errors = [document.getError(k) for k in range(document.getNumErrors())]
    severe = [one for one in errors if one.getSeverity() >= library.LIBSBML_SEV_ERROR]
    bad = [one for one in severe if one.getPackage() in ("", "core")]
    if bad:
        words = _words(bad[0])
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise InputError(f"{file} is not valid SBML: line {bad[0].getLine()}: {words}{more}")


def _words(error: Any) -> str:
    """Return what libSBML says in short, and what of this file it says at the end of its message."""
    lines = [line.strip() for line in error.getMessage().splitlines() if line.strip()]
    places = [k for k, line in enumerate(lines) if line.startswith("Reference:")]
    of_file = lines[places[0] + 1 :] if places else lines
    short = error.getShortMessage().rstrip(".")
    return " ".join(f"{short}: {' '.join(of_file)}".split())[:400] if of_file else short


def _convert(document: Any, file: str, option: str, words: str) -> None:
    library = libsbml()
    wanted = library.ConversionProperties()
    wanted.addOption(option, True)
    wanted.addOption("performValidation", False)
    if document.convert(wanted) != library.LIBSBML_OPERATION_SUCCESS:
        raise InputError(f"{words} in {file}: {_last(document)}")


def _to_level_3(document: Any, file: str) -> None:
    """Turn Level 1 or 2 into Level 3 Version 1, which keeps what is fast."""
    level = document.getLevel()
    if not document.setLevelAndVersion(3, 1, False):
        raise InputError(f"{file} is SBML Level {level} and cannot be read as Level 3: {_last(document)}")


def _last(document: Any) -> str:
    n = document.getNumErrors()
    return _words(document.getError(n - 1)) if n else "libSBML gives no reason"


def package_words(document: Any) -> tuple[list[str], list[str]]:
    """Return sentences on packages: those whose parts are left out, and those that change the mathematics."""
    notes: list[str] = []
    unexpressed: list[str] = []
    for k in range(document.getNumPlugins()):
        package = document.getPlugin(k).getPackageName()
        if package == "comp" or package.startswith("l3v2"):
            continue
        if package in _SILENT or not document.getPackageRequired(package):
            notes.append(f"package {package} is not kept: it changes no trajectory")
        else:
            unexpressed.append(f"package {package}, which the file requires")
    return notes, unexpressed
