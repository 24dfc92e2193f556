"""The map of the house counts what it says it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.counts import (
    concrete_isinstance,
    folder_sizes,
    hidden_numbers,
    recurring_names,
    training_loops,
    tuple_assignments,
)
from tools.modules import House, cycles
from tools.walks import walk
from tools.words import words_that_left

PYPROJECT = """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["verbs", "(solvers)", "errors"]
"""
FILES = {
    "__init__.py": "",
    "errors.py": "RATE = 0.5\nRATE_CHUNK = 32\n\n\nclass Wrong(Exception):\n    pass\n",
    "verbs/__init__.py": "",
    "verbs/solve.py": "from sciadv.solvers.base import Wrong, find\n\n\ndef solve(y):\n    return find(y)\n",
    "solvers/__init__.py": "",
    "solvers/base.py": (
        "from sciadv.errors import Wrong\n\n\ndef find(y):\n    a, b = 1, 2\n"
        "    return isinstance(y, Wrong)  # it is told so\n"
    ),
    "trainings/base.py": "def run(training):\n    while True:\n        training.step()\n",
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    for name, text in FILES.items():
        file = tmp_path / "sciadv" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return House.read(tmp_path)


def test_counts_find_what_was_put_there(house: House) -> None:
    assert hidden_numbers(house) == ["sciadv.errors.RATE"]
    assert recurring_names(house) == ["base.py"]
    assert training_loops(house) == ["sciadv.trainings.base.run"]
    assert tuple_assignments(house.modules["sciadv.solvers.base"]) == 1
    assert concrete_isinstance(house) == ["sciadv.solvers.base:6"]
    assert words_that_left(house) == ["sciadv.solvers.base:6: told"]
    assert folder_sizes(house) == {"sciadv": 1, "sciadv/verbs": 1, "sciadv/solvers": 1, "sciadv/trainings": 1}


def test_floors_and_imports_are_those_of_the_contract_and_the_files(house: House) -> None:
    assert [house.floor(f"sciadv.{room}") for room in ("errors", "solvers", "verbs")] == [0, 1, 2]
    assert house.imports["sciadv.verbs.solve"] == {"sciadv.solvers.base"}
    assert house.cycles == []


def test_modules_that_import_each_other_are_a_cycle() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_a_walk_lists_the_files_on_the_stack_and_counts_climbs() -> None:
    import sciadv
    from sciadv.likelihood import Gaussian

    house = House.read(Path(__file__).parent.parent)
    problem = sciadv.load_problem("digits-superresolution").subset(slice(1))
    walked = walk(house, "solve", lambda: sciadv.solve(problem), Gaussian.energy)
    assert walked.hands[0] == "verbs.solve: solve"
    assert walked.hands[-1].startswith("likelihood")
    assert walked.climbs == 0


def test_a_walk_that_never_arrives_says_so() -> None:
    from sciadv.likelihood import Gaussian

    house = House.read(Path(__file__).parent.parent)
    with pytest.raises(LookupError, match=r"never called Gaussian\.energy"):
        walk(house, "nothing", lambda: None, Gaussian.energy)
