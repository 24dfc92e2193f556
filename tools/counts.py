"""Counts of a house's habits: what recurs, what is hidden, what is long; see `tools.map`."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tools.modules import Function, House, Module
from tools.words import words_that_left

#: Numeric module constants that change no answer, by a part of their names: how much is held or read at once.
_SIZES = re.compile(r"CHUNK|^_?MAX_|_MAX_|BYTES|LARGEST|LIMIT")

#: Numbers of mathematics, physics or a file format, which no user could want otherwise, each with its reason.
MATHEMATICS: dict[str, str] = {
    "sciadv.cli.demo_command.N_DIGITS": "what the demo shows",
    "sciadv.cli.demo_command.N_DESIGNS": "what the demo shows",
    "sciadv.cli.demo_command.N_CIRCUITS": "what the demo shows",
    "sciadv.cli.demo_command.N_CELLS": "what the demo shows",
    "sciadv.cli.edge.EXIT_BAD_INPUT": "exit code of a command",
    "sciadv.cli.edge.EXIT_INTERRUPTED": "exit code of a command",
    "sciadv.data.datasets._N_TEST_SLICES": "part of a data set's definition",
    "sciadv.data.datasets._N_GAP": "part of a data set's definition",
    "sciadv.data.datasets._N_TEST_COLUMNS": "part of a data set's definition",
    "sciadv.data.datasets._N_CROPS": "part of a data set's definition",
    "sciadv.data.datasets._CROP_VALUE": "part of a data set's definition",
    "sciadv.data.moments.DENSE_PIXELS": "how much is held: larger covariances are factored",
    "sciadv.data.moments._RANK": "how much is held in a file of moments",
    "sciadv.data.moments._NUMBERS": "how much is held in a file of moments",
    "sciadv.domains.gene_circuits.populations.regulatory_networks._WORDS": "words of a file format",
    "sciadv.files.h5ad._SPARSE": "a file format",
    "sciadv.files.h5ad.SECONDS_TO_PROBE": "how long a damaged file may keep its reader busy",
    "sciadv.files.reading._MIB": "a unit",
    "sciadv.files.reading._GIB": "a unit",
    "sciadv.forward.tomography.crosshole._DEPTHS": "geometry of a published case",
    "sciadv.games.diagnostics.lipschitz._SLOPES": "slopes of activations",
    "sciadv.nets.graph.N_EDGE": "channels of a circuit",
    "sciadv.nets.graph.N_GENE": "channels of a circuit",
    "sciadv.nets.graph._SIGNS": "signs of an edge",
    "sciadv.nets.sizes.MNIST": "the size of MNIST's images",
    "sciadv.physics.contact._ALWAYS_FULL": "a bound beyond which nothing changes",
    "sciadv.physics.contact._NEWTON_STEPS": "steps to rounding",
    "sciadv.physics.contact._ROOT_STEPS": "steps to rounding",
    "sciadv.physics.regulation.hill._TINY": "the floor of a logarithm",
    "sciadv.physics.wavy.TABLE": "a table of computed values",
    "sciadv.physics.wavy.FIT_ERROR": "the measured error of that table",
    "sciadv.physics.wavy._HERTZIAN": "the end of that table",
    "sciadv.report.plotting._MOST_NAMED": "how a picture is drawn",
    "sciadv.report.solution_page.N_EXAMPLES": "what a page shows",
    "sciadv.solvers.beyond_range.logit_model._CHEAPER_WIDTH": "which of two equal systems is solved",
    "sciadv.solvers.linear.conjugate_gradients._TINY": "the floor of a denominator",
    "sciadv.testing.forward_suite.TOLERANCES": "rounding of a precision",
    "sciadv.trainings.data_order._SEED": "the name of a stream of random numbers",
    "sciadv.trainings.data_order._EPOCH": "the name of a stream of random numbers",
    "sciadv.trainings.data_order._STREAM": "the name of a stream of random numbers",
}


def counts(house: House) -> dict[str, int]:
    """Return every count of the package, by name."""
    modules = list(house.modules.values())
    lines = [function_lines(function) for module in modules for function in _functions(module)]
    return {
        "files in sciadv/solvers that catch KeyboardInterrupt": len(
            _with(house, "solvers", "except KeyboardInterrupt")
        ),
        "files in sciadv/solvers that read a clock": len(_with(house, "solvers", "perf_counter")),
        "makers of Solution in sciadv/solvers": _calls(house, "solvers", "Solution"),
        "training loops": len(training_loops(house)),
        "registries": len(registries(house)),
        "numeric module constants": len(numeric_constants(house)),
        "numeric module constants that change answers": len(hidden_numbers(house)),
        "files in the fullest folder": max(folder_sizes(house).values()),
        "file names that recur": len(recurring_names(house)),
        "words that left": len(words_that_left(house)),
        "modules in a cycle": sum(len(group) for group in house.cycles),
        "functions used once, by their own file": len(used_once(house)),
        "isinstance of a class that can be instantiated": len(concrete_isinstance(house)),
        "assignments of several values in one line, per 1,000 lines": _per_thousand(modules),
        "characters of a code line, in tenths": round(10 * characters_per_line(modules)),
        "lines of the longest function": max(lines),
        "lines of a function, 95 % of them at most": sorted(lines)[int(0.95 * len(lines))],
        "lines of the longest file": max(module.text.count("\n") for module in modules),
        "public functions with **kwargs": sum(len(open_signatures(module)) for module in modules),
        "calls of print": sum(
            len(_calls_of(module, "print")) for module in modules if ".cli" not in module.name
        ),
    }


def _functions(module: Module) -> Iterator[Function]:
    """Yield every function of a file, nested ones included."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def function_lines(function: Function) -> int:
    """Return the lines of a function without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    documentation = ast.get_docstring(function, clean=False)
    return lines if documentation is None else lines - documentation.count("\n") - 1


def _with(house: House, room: str, text: str) -> list[str]:
    """Return the modules of a room whose text has the words."""
    return [m.name for m in house.modules.values() if m.name.startswith(f"sciadv.{room}") and text in m.text]


def _calls(house: House, room: str, name: str) -> int:
    return sum(len(_calls_of(m, name)) for m in house.modules.values() if m.name.startswith(f"sciadv.{room}"))


def _calls_of(module: Module, name: str) -> list[ast.Call]:
    """Return the calls of a plain name."""
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == name]


def training_loops(house: House) -> list[str]:
    """Return the functions outside solvers and suites with a loop that calls ``step``."""
    return [
        f"{module.name}.{function.name}"
        for module in house.modules.values()
        if not module.name.startswith(("sciadv.solvers", "sciadv.testing"))
        for function in _functions(module)
        if any(_steps_training(node) for node in ast.walk(function) if isinstance(node, ast.For | ast.While))
    ]


def _steps_training(loop: ast.AST) -> bool:
    """Whether a loop calls ``something.step()`` or ``self._step()``."""
    calls = (node.func for node in ast.walk(loop) if isinstance(node, ast.Call))
    return any(
        isinstance(function, ast.Attribute) and function.attr in ("step", "_step") for function in calls
    )


def registries(house: House) -> list[str]:
    """Return the files that look entry points up, and so turn names into parts."""
    return [module.name for module in house.modules.values() if re.search(r"\bentry_points\(", module.text)]


def numeric_constants(house: House) -> list[str]:
    """Return the module constants in upper case with a number in them, as ``module.NAME``."""
    return [
        f"{module.name}.{name}"
        for module in house.modules.values()
        for node in module.tree.body
        for name in _constant_names(node)
    ]


def _constant_names(node: ast.stmt) -> list[str]:
    """Return the names that a statement assigns a number, or a tuple or dictionary of numbers, to."""
    if isinstance(node, ast.AnnAssign):
        targets: list[ast.expr] = [node.target]
    elif isinstance(node, ast.Assign):
        targets = node.targets
    else:
        return []
    if node.value is None or not _is_numeric(node.value):
        return []
    names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return [name for name in names if name.isupper()]


def _is_numeric(value: ast.expr) -> bool:
    """Whether an expression is made of numbers: a number, arithmetic of them, or a collection of some."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int | float) and not isinstance(value.value, bool)
    if isinstance(value, ast.UnaryOp):
        return _is_numeric(value.operand)
    if isinstance(value, ast.BinOp):
        return _is_numeric(value.left) or _is_numeric(value.right)
    if isinstance(value, ast.Tuple | ast.List | ast.Set):
        return any(_is_numeric(element) for element in value.elts)
    if isinstance(value, ast.Dict):
        return any(_is_numeric(element) for element in value.values)
    return False


def hidden_numbers(house: House) -> list[str]:
    """Return the numeric module constants that are neither sizes nor mathematics."""
    return [
        name
        for name in numeric_constants(house)
        if not _SIZES.search(name.rpartition(".")[2]) and name not in MATHEMATICS
    ]


def folder_sizes(house: House) -> dict[str, int]:
    """Return the files of each folder, without ``__init__.py``."""
    return dict(
        Counter(
            str(module.path.parent.relative_to(house.root))
            for module in house.modules.values()
            if module.path.name != "__init__.py"
        )
    )


def recurring_names(house: House) -> list[str]:
    """Return the file names that more than one folder has."""
    names = Counter(module.path.name for module in house.modules.values())
    return sorted(name for name, n in names.items() if n > 1 and name != "__init__.py")


def used_once(house: House) -> list[str]:
    """Return the private functions of a file that it calls once and that have fewer than four statements."""
    found: list[str] = []
    for module in house.modules.values():
        uses = Counter(node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name))
        for name, function in module.functions.items():
            is_small = len(function.body) <= 2 and function_lines(function) <= 4
            if name.startswith("_") and "." not in name and uses[name] == 1 and is_small:
                found.append(f"{module.name}.{name}")
    return found


def concrete_isinstance(house: House) -> list[str]:
    """Return the ``isinstance`` checks for a class of the package that is neither a protocol nor abstract."""
    concrete = {
        name
        for module in house.modules.values()
        for name, node in module.classes.items()
        if not re.search(r"Protocol|ABC", " ".join(ast.unparse(base) for base in node.bases))
        and "abstractmethod" not in ast.unparse(node)
    }
    return [
        f"{module.name}:{call.lineno}"
        for module in house.modules.values()
        for call in _calls_of(module, "isinstance")
        if concrete & set(re.findall(r"\w+", ast.unparse(call.args[1])))
    ]


def tuple_assignments(module: Module) -> int:
    """Count the lines ``a, b = 1, 2``: a tuple of values written out and taken apart at once."""
    return sum(
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Tuple)
        for node in ast.walk(module.tree)
    )


def _per_thousand(modules: list[Module]) -> int:
    total = sum(tuple_assignments(module) for module in modules)
    lines = sum(len(_code_lines(module)) for module in modules)
    return round(1000 * total / lines)


def _code_lines(module: Module) -> list[str]:
    """Return the lines that are neither empty, nor comments, nor inside a docstring."""
    documented = set[int]()
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            documented |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(module.text.splitlines(), 1)
    return [
        line for i, line in lines if line.strip() and not line.strip().startswith("#") and i not in documented
    ]


def characters_per_line(modules: list[Module]) -> float:
    """Return the mean length of a code line without its indentation."""
    lengths = [len(line.strip()) for module in modules for line in _code_lines(module)]
    return sum(lengths) / len(lengths)


def open_signatures(module: Module) -> list[str]:
    """Return the public functions with ``**kwargs``."""
    return [f.name for f in _functions(module) if f.args.kwarg is not None and not f.name.startswith("_")]
