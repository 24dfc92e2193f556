"""The map of the house: ``python -m tools.map`` writes it, ``--check`` holds its counts against the ratchets.

A ratchet is a count that may only fall. ``tools/ratchets.json`` holds the counts of today; where one has
fallen, writing the map lowers it, and nothing raises it again but an edit by hand, which a reviewer sees.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

from tools.counts import counts, folder_sizes, function_lines, hidden_numbers, recurring_names
from tools.journeys import journeys
from tools.modules import House
from tools.walks import Walk

ROOT = Path(__file__).parent.parent
RATCHETS = ROOT / "tools" / "ratchets.json"
PAGE = ROOT / "docs" / "map.md"


def main() -> int:
    """Write the map, or check it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the ratchets, write nothing")
    is_check = parser.parse_args().check
    house = House.read(ROOT)
    walks = journeys(house)
    found = counts(house) | walk_counts(walks)
    ratchets: dict[str, int] = json.loads(RATCHETS.read_text(encoding="utf-8")) if RATCHETS.is_file() else {}
    risen = {name: (ratchets[name], n) for name, n in found.items() if n > ratchets.get(name, n)}
    for name, (was, n) in risen.items():
        sys.stderr.write(f"{name}: {n}, and it was {was}; it may only fall\n")
    if not is_check and not risen:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(house, found, walks), encoding="utf-8")
        RATCHETS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if risen else 0


def walk_counts(walks: list[Walk]) -> dict[str, int]:
    """Return hands and climbs of every walk, by name."""
    hands = {f"hands of the walk: {walk.verb}": len(walk.hands) for walk in walks}
    return hands | {f"climbs of the walk: {walk.verb}": walk.climbs for walk in walks}


def page(house: House, found: dict[str, int], walks: list[Walk]) -> str:
    """Return the map as Markdown."""
    parts = [
        "# The map of the house",
        "Written by `make map`; `make lint` holds the counts against `tools/ratchets.json`: none may rise.",
        "## Counts",
        "\n".join(["| | |", "|---|---|", *(f"| {name} | {n} |" for name, n in found.items())]),
        "## Who imports whom",
        "Rooms from the top floor to the ground; a room imports from rooms below its own.",
        _rooms(house),
        "## The walk of a value through each verb",
        "The files on the call stack where the value is used, the outermost first, with the functions on it.",
        *(_walk(walk) for walk in walks),
        "## Files a folder",
        "\n".join(f"- `{folder}`: {n}" for folder, n in sorted(folder_sizes(house).items())),
        "## What is left",
        _list("Numeric module constants that change answers", hidden_numbers(house)),
        _list("File names that recur", recurring_names(house)),
        _list("Longest functions", _longest(house)),
    ]
    return "\n\n".join(parts) + "\n"


def _rooms(house: House) -> str:
    """Return a line a room: the rooms that it imports."""
    edges: dict[str, set[str]] = defaultdict(set)
    for name, others in house.imports.items():
        rooms = {_room(other) for other in others} - {_room(name)}
        edges[_room(name)] |= rooms
    ordered = sorted(edges, key=lambda room: -house.floor(f"sciadv.{room}"))
    return "\n".join(f"- **{room}** -> {', '.join(sorted(edges[room])) or '-'}" for room in ordered)


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "sciadv"


def _walk(walk: Walk) -> str:
    steps = "\n".join(f"{i}. `{hand}`" for i, hand in enumerate(walk.hands, 1))
    return f"### {walk.verb}: {len(walk.hands)} hands, {walk.climbs} climbs\n\n{steps}"


def _longest(house: House) -> list[str]:
    functions = [
        (function_lines(function), f"{module.name}.{name}")
        for module in house.modules.values()
        for name, function in module.functions.items()
    ]
    return [f"{name} ({n} lines)" for n, name in sorted(functions, reverse=True)[:10]]


def _list(title: str, entries: list[str]) -> str:
    return f"**{title}**: {', '.join(f'`{entry}`' for entry in entries) or 'none'}."


if __name__ == "__main__":
    sys.exit(main())
