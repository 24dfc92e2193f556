"""Cases of files: each kind, broken in each way, through the entry that reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import sciadv
from benchmarks.reliability import toy
from benchmarks.reliability.bad_input import broken_arrays
from benchmarks.reliability.bad_input import broken_files as broken
from benchmarks.reliability.bad_input.cases import Case
from sciadv import BatchCorrector, Game, Prior

Ways = Iterable[tuple[str, broken.Break]]


def file_cases() -> Iterator[Case]:
    """Give every case of this module."""
    yield from prior_file_cases()
    yield from array_file_cases()
    yield from sparse_file_cases()
    yield from toml_cases()
    yield from corrector_file_cases()
    yield from checkpoint_cases()


def _cases(
    kind: str, ways: Ways, prepare: Callable[[Path], Path], read: Callable[[Path], object]
) -> Iterator[Case]:
    """Give a case for each way to break a file that `prepare` writes into a folder and `read` reads."""
    for words, break_file in ways:

        def run(folder: Path, break_file: broken.Break = break_file) -> object:
            break_file(prepare(folder))
            result = read(folder)
            return result

        yield Case(f"{kind}: {words}", f"file: {kind}", run)


def prior_file_cases() -> Iterator[Case]:
    """Break each file of a prior; where a card's hash would notice it, also without the card."""

    def load(folder: Path) -> object:
        return Prior.load(folder / "prior").sample(1, seed=0)

    def file(name: str, *, has_card: bool) -> Callable[[Path], Path]:
        def prepare(folder: Path) -> Path:
            toy.save_prior(folder / "prior")
            if not has_card:
                (folder / "prior" / "card.md").unlink()
            return folder / "prior" / name

        return prepare

    weights, moments = "weights.safetensors", "moments.safetensors"
    anyhow = list(broken.broken_anyhow())
    for name in (weights, moments):
        ways = [*anyhow, *broken.broken_tensors()]
        ways += [] if name == moments else list(broken.broken_nets())
        for has_card in (True, False):
            kind = f"{name.partition('.')[0]} of a prior{'' if has_card else ' without a card'}"
            if name == moments:
                ways = [way for way in ways if way[0] not in {"missing", "no-metadata"}]
            if not has_card:
                ways = [way for way in ways if way[0] not in {"tensor-extra"}]
            yield from _cases(kind, ways, file(name, has_card=has_card), load)
    yield from _cases("card of a prior", _card_ways(anyhow), file("card.md", has_card=True), load)


def _card_ways(anyhow: list[tuple[str, broken.Break]]) -> Iterator[tuple[str, broken.Break]]:
    harmless = {"missing", "last-byte-lost", "dangling"}
    yield from (way for way in anyhow if way[0] not in harmless)
    yield "other-hash", lambda path: _replace(path, "weights_sha256: ", "weights_sha256: 0")


def _replace(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def array_file_cases() -> Iterator[Case]:
    """Break the measurements and the matrix of a problem."""

    def problem(name: str) -> Callable[[Path], Path]:
        def prepare(folder: Path) -> Path:
            file = toy.save_problem(folder, toy.PROBLEM_TOML.replace("y.npy", f"y.{name}"))
            if name == "npz":
                np.savez(file.parent / "y.npz", y=toy.measurements().numpy())
            return file.parent / f"y.{name}"

        return prepare

    def load(folder: Path) -> object:
        return sciadv.load_problem(folder / "problem.toml").measurements

    anyhow = list(broken.broken_anyhow())
    yield from _cases("npy", [*anyhow, *broken_arrays.broken_npy()], problem("npy"), load)
    npz = [way for way in broken_arrays.broken_npz() if way[0] != "folder-member"]
    yield from _cases("npz", [*anyhow, *npz], problem("npz"), load)

    def matrix(folder: Path) -> Path:
        return toy.save_problem(folder).with_name("matrix.npy")

    allowed = {"other-shape", "complex"}
    ways = [way for way in broken_arrays.broken_npy() if way[0] not in allowed]
    yield from _cases("npy of a matrix", ways, matrix, load)


def sparse_file_cases() -> Iterator[Case]:
    """Break a sparse matrix of a problem, and use the operator."""

    def prepare(folder: Path) -> Path:
        file = toy.save_problem(folder, toy.PROBLEM_TOML.replace("matrix.npy", "matrix.npz"))
        path = file.with_name("matrix.npz")
        path.write_bytes(b"replaced by every way")
        return path

    def use(folder: Path) -> object:
        forward = sciadv.load_problem(folder / "problem.toml").forward
        return forward.vjp(torch.ones(1, *toy.IMAGE), torch.ones(1, toy.N_DATA))

    for case in _cases("sparse npz", broken_arrays.broken_sparse(), prepare, use):
        is_complex = case.name.endswith("data-complex")
        yield replace(case, accepts="a complex matrix, as `Matrix` takes") if is_complex else case


def toml_cases() -> Iterator[Case]:
    """Break the text of problem and recipe files, and each of their keys."""
    from benchmarks.reliability.bad_input import toml_files

    def write(text: str | bytes, name: str) -> Callable[[Path], None]:
        def break_file(path: Path) -> None:  # the ways' signature
            content = text if isinstance(text, bytes) else text.encode()
            path.write_bytes(content)

        return break_file

    def prepare(folder: Path) -> Path:
        return toy.save_problem(folder)

    def load(folder: Path) -> object:
        problem = sciadv.load_problem(folder / "problem.toml")
        return sciadv.solve(problem, "levenberg-marquardt", restarts=1)

    anyhow = broken.broken_text()
    ways = [(words, write(text, "problem.toml")) for words, text in toml_files.broken_texts()]
    keys = [(words, write(text, "problem.toml")) for words, text in toml_files.problem_changes()]
    yield from _cases("problem.toml", [*anyhow, *ways, *keys], prepare, load)

    def prepare_recipe(folder: Path) -> Path:
        path = folder / "recipe.toml"
        path.write_text(toml_files.RECIPE, encoding="utf-8")
        return path

    def load_recipe(folder: Path) -> object:
        from sciadv.catalogue import load_recipe

        return load_recipe(folder / "recipe.toml")

    keys = [(words, write(text, "recipe.toml")) for words, text in toml_files.recipe_changes()]
    yield from _cases("recipe.toml", [*anyhow, *ways, *keys], prepare_recipe, load_recipe)


def corrector_file_cases() -> Iterator[Case]:
    """Break what a corrector has saved."""

    def file(name: str) -> Callable[[Path], Path]:
        def prepare(folder: Path) -> Path:
            cells = toy.cells()
            BatchCorrector(method="linear").fit(**cells).save(folder / "corrector")
            return folder / "corrector" / name

        return prepare

    def load(folder: Path) -> object:
        return BatchCorrector.load(folder / "corrector").transform(**toy.cells())

    anyhow = list(broken.broken_anyhow())
    yield from _cases(
        "corrector card", [*broken.broken_text(), *broken.broken_json()], file("card.json"), load
    )
    ways = [way for way in broken.broken_tensors() if way[0] not in {"tensor-extra", "no-metadata"}]
    yield from _cases("corrector weights", [*anyhow, *ways], file("weights.safetensors"), load)


def checkpoint_cases() -> Iterator[Case]:
    """Break the checkpoint of a game."""

    def prepare(folder: Path) -> Path:
        game = Game(**toy.players())
        game.fit(toy.points(), steps=2, checkpoint=folder / "game.safetensors", every=1)
        return folder / "game.safetensors"

    def load(folder: Path) -> object:
        game = Game(**toy.players())
        game.load(folder / "game.safetensors")
        return game.step(toy.points())

    ways = [*broken.broken_anyhow(), *broken.broken_tensors()]
    yield from _cases("checkpoint", ways, prepare, load)
