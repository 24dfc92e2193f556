"""The modules of a package as parsed files: who imports whom, on which floor, what is defined where."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One parsed file.

    Parameters
    ----------
    name
        Dotted name; a package's is that of its folder.
    path
        The file.
    text
        What it holds.
    """

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Functions and methods at the top level, by ``function`` or ``Class.method``."""
        methods = {
            f"{name}.{member.name}": member
            for name, node in self.classes.items()
            for member in node.body
            if isinstance(member, Function)
        }
        return {node.name: node for node in self.tree.body if isinstance(node, Function)} | methods

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """Classes at the top level."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def names(self) -> dict[str, str]:
        """What each imported name stands for, wherever in the file it is imported: dotted names."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.split(".")[0]] = alias.name
        return found


@dataclass(frozen=True)
class House:
    """All modules of the package, and the floors that its import contract gives them, top floor first."""

    root: Path
    modules: dict[str, Module]
    floors: tuple[str, ...]

    @staticmethod
    def read(root: Path, package: str = "sciadv") -> House:
        """Parse every file of a package below `root`, and the floors from its ``pyproject.toml``."""
        modules: dict[str, Module] = {}
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            modules[name] = Module(name, path, path.read_text(encoding="utf-8"))
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        contracts = settings["tool"]["importlinter"]["contracts"]
        layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
        return House(root, modules, tuple(layer.strip("()") for layer in layers))

    def floor(self, module: str) -> int:
        """Return the floor of a module, 0 for the ground; the package's own file is above all."""
        room = module.split(".")[1] if "." in module else ""
        for height, layer in enumerate(reversed(self.floors)):
            if room in [one.strip(" ()") for one in layer.split("|")]:
                return height
        return len(self.floors)

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """The modules of the package that each module imports."""
        return {name: self._imports_of(module) for name, module in self.modules.items()}

    def _imports_of(self, module: Module) -> set[str]:
        found = set[str]()
        for target in module.names.values():
            resolved = self.module_of(target)
            if resolved is not None and resolved != module.name:
                found.add(resolved)
        return found

    @cached_property
    def cycles(self) -> list[list[str]]:
        """The groups of modules that import each other."""
        return cycles(self.imports)

    def module_of(self, dotted: str) -> str | None:
        """Return the module that a dotted name is, or is defined in; None outside the package."""
        if dotted in self.modules:
            return dotted
        parent = dotted.rpartition(".")[0]
        return parent if parent in self.modules else None


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other (Tarjan, SIAM J. Computing 1, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, set()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                groups.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return groups
