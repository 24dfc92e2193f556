"""``sciadv design``: from a target to a folder of designs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from sciadv.cli.edge import (
    EXIT_INTERRUPTED,
    Interruption,
    check_output_folder,
    default_folder,
    plain_errors,
    say,
    say_error,
    write_whole,
)
from sciadv.errors import InputError


@plain_errors
def design(
    problem: Annotated[
        str,
        typer.Argument(help="A problem that can be designed, or the path of one; another name lists them."),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the results.", show_default="NAME-designs")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="PROPERTY=VALUE, PROPERTY=LOW..HIGH, 'PROPERTY<=VALUE' or PROPERTY=minimise; a unit as in "
            "'20 MPa'; may be repeated. Another property lists those that there are.",
            show_default="the problem's",
        ),
    ] = None,
    n: Annotated[int, typer.Option("-n", help="How many designs.")] = 20,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random in the search.")] = 0,
) -> None:
    """Design candidates for a target; write designs.csv, summary.json, figure.png and report.html."""
    out = default_folder(problem, "designs") if out is None else out
    check_output_folder(out)
    wanted = _parse_targets(target or [])

    import sciadv
    from sciadv.candidate_set import RESULTS
    from sciadv.files.publishing import lock_folder

    with Interruption() as interruption, lock_folder(out):
        with interruption.searching() as monitor:
            designs = sciadv.design(problem, target=wanted, n=n, seed=seed, device=device, monitor=monitor)
        came_late = write_whole(lambda: designs.save(out))
    for sentence in designs.messages:
        say(sentence)
    say(f"wrote {', '.join(str(out / name) for name in (*RESULTS, *designs.files))}")
    if interruption.happened:
        say_error(f"interrupted; the best designs found until then are in {out}")
        raise typer.Exit(EXIT_INTERRUPTED)
    if interruption.came_late or came_late:
        say_error(f"interrupted after the search had ended; all results are in {out}")
        raise typer.Exit(EXIT_INTERRUPTED)


def _parse_targets(texts: list[str]) -> dict[str, object]:
    """Read all targets; a least and a largest value of one property are a range."""
    wanted: dict[str, object] = {}
    for name, value in map(_parse_target, texts):
        if name not in wanted:
            wanted[name] = value
            continue
        before = str(wanted[name])
        low, high = sorted([before, value], reverse=True)  # > comes after <
        if not (low.startswith(">") and high.startswith("<")):
            raise InputError(
                f"the target {name} was given twice, as {before} and as {value}: give one value, or both "
                f"ends of a range, as in {name}=1..2"
            )
        wanted[name] = (low.lstrip(">="), high.lstrip("<="))
    return wanted


def _parse_target(text: str) -> tuple[str, str]:
    """Read ``property=value``, ``property>=value``, ``property<=value`` or ``property=low..high``."""
    found = re.fullmatch(r"\s*([^=<>]+?)\s*([<>]=?|==?)\s*(.+?)\s*", text)
    if found is None:
        raise InputError(
            f"expected --target PROPERTY=VALUE, as in friction_coefficient=0.08, 'pressure<=20 MPa', "
            f"mass=minimise or length=1..2, got {text!r}"
        )
    name, sign, value = found.groups()
    return name, value if sign in {"=", "=="} else f"{sign}{value}"
