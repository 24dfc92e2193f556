"""``sciadv fetch``: priors that did not come with the package, from the release, checked by their hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sciadv.cli.edge import check_output_folder, plain_errors, say
from sciadv.errors import InputError


@plain_errors
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Priors that `sciadv list` shows, or problems, for their priors.", show_default=False
        ),
    ] = None,
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Fetch every prior.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="A folder for SCIADV_DATA to name.", show_default="the cache"),
    ] = None,
) -> None:
    """Fetch priors that did not come with the package; their hashes are checked.

    Files under SCIADV_DATA are taken before the release's. SCIADV_RELEASE names another release, or a folder
    of its files.
    """
    from sciadv.files.folders import entry_names
    from sciadv.files.release.released_priors import fetch_prior, megabytes, prior_files

    if bool(names) == is_all:
        raise InputError("name the priors to fetch, or give --all; `sciadv list` shows what there is")
    if out is not None:
        check_output_folder(out)
    wanted = entry_names("priors") if is_all else [_prior_of(name) for name in names or ()]
    for name in dict.fromkeys(wanted):
        folder = fetch_prior(name, out=out)
        say(f"{name}: {megabytes(prior_files(name))} in {folder}")


def _prior_of(name: str) -> str:
    """Return a prior's name, or that of the prior of a problem.

    Raises
    ------
    UnknownNameError
        There is neither.
    InputError
        The problem has no prior of the catalogue.
    """
    from sciadv.catalogue import problem_spec
    from sciadv.errors import UnknownNameError
    from sciadv.files.folders import entry_names

    if name in entry_names("priors"):
        return name
    if name not in entry_names("problems"):
        raise UnknownNameError("prior or problem", name, entry_names("priors") + entry_names("problems"))
    prior = problem_spec(name).prior
    if prior not in entry_names("priors"):
        raise InputError(f"problem {name!r} needs no prior that could be fetched")
    return prior
