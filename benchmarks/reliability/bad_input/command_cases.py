"""Cases of the command line: every command, its arguments and its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.reliability import toy
from benchmarks.reliability.bad_input import broken_arrays, broken_files
from benchmarks.reliability.bad_input.cases import Case
from benchmarks.reliability.bad_input.toml_files import RECIPE
from benchmarks.reliability.commands import command

#: What an option that takes a whole number >= 1 refuses.
_NO_COUNTS = (
    "0",
    "-1",
    "1.5",
    "nan",
    "inf",
    "",
    "a",
    "1e3",
    "0x10",
    "99999999999999999999999999",
    "1" * 5000,
)
#: What a seed refuses.
_NO_SEEDS = ("-1", "0.5", "nan", "", "a", "9223372036854775808", "99999999999999999999999999")
_NO_DEVICES = ("", "gpu", "cuda:99", "cuda:-1", "meta", "CPU ", "a" * 5000, "mps:7")
_NO_NAMES = (
    "",
    "no-such",
    "digits-superresolutio",
    "../x",
    "./missing",
    "missing.toml",
    "/dev/null",
    "/",
    "~nobody/x",
    "a" * 5000,
    "\n",
)
#: What cannot be a folder of results.
_NO_FOLDERS = (
    "problem.toml",
    "problem.toml/below",
    "/dev/null",
    "/dev/null/x",
    "/proc/1/x",
    "a" * 300,
    "x/" * 3000,
    "loop",
)

Prepare = Callable[[Path], object]


def command_cases() -> Iterator[Case]:
    """Give every case of this module."""
    yield from usage_cases()
    yield from solve_command_cases()
    yield from design_command_cases()
    yield from correct_command_cases()
    yield from train_command_cases()
    yield from catalogue_command_cases()
    yield from accepted_cases()


def _case(
    arguments: list[str], prepare: Prepare = lambda folder: None, words: str = "", accepts: str = ""
) -> Case:
    def run(folder: Path) -> object:
        prepare(folder)
        return command(*arguments)

    shown = " ".join(ascii(a)[1:-1] if len(a) < 60 else f"{ascii(a)[1:20]}..." for a in arguments)
    name = f"sciadv {shown}{f' ({words})' if words else ''}"
    return Case(name, f"sciadv {arguments[0] if arguments else ''}", run, accepts)


def _broken(
    arguments: list[str],
    write: Callable[[Path], Path],
    ways: Iterable[tuple[str, broken_files.Break]],
    words: str = "",
) -> Iterator[Case]:
    """Give a command with a file that `write` writes, broken in each way."""
    for way, break_file in ways:

        def prepare(folder: Path, break_file: broken_files.Break = break_file) -> None:
            break_file(write(folder))

        yield _case(arguments, prepare, f"{words}{way}")


def usage_cases() -> Iterator[Case]:
    """Give commands that are none, or lack what they need."""
    commands = ("solve", "design", "correct", "train", "list", "show", "demo", "bench")
    for name in commands:
        yield _case([name, "--no-such-option"])
        yield _case([name, "a", "b", "c"])
        yield _case([name, "-o"])
        yield _case([name, "--out", "a", "b", "c", "d"])
    for name in ("solve", "design", "correct", "train", "show"):
        yield _case([name])
    for arguments in (["no-such-command"], ["Solve"], ["--no-such"], ["solve", "--seed"], ["", ""]):
        yield _case(arguments)


def _problem(folder: Path) -> None:
    toy.save_problem(folder)
    (folder / "loop").symlink_to("loop")


def solve_command_cases() -> Iterator[Case]:
    """Vary the arguments of ``sciadv solve``."""
    good = ["solve", "./problem.toml", "-o", "out"]
    for option, values in (
        ("--restarts", (*_NO_COUNTS, "1000000000")),
        ("--first", _NO_COUNTS[:-2]),
        ("--seed", _NO_SEEDS),
        ("--device", _NO_DEVICES),
        ("--solver", ("", "no-such", "levenberg", "adam\n", "a" * 5000, "./x")),
        ("--measurements", ("", "missing.npy", ".", "problem.toml", "/dev/zero", "a" * 5000, "loop", "y")),
    ):
        for value in values:
            yield _case([*good, f"{option}={value}"], _problem)
    for folder in _NO_FOLDERS:
        yield _case(["solve", "./problem.toml", f"--out={folder}"], _problem)
    for name in _NO_NAMES:
        yield _case(["solve", "-o", "out", "--", name], _problem)
    for solver in ("fbp", "wirtinger-flow", "hio", "learned-tv"):
        yield _case([*good, "--solver", solver], _problem, "which this problem does not suit")
    for name in ("nanotexture-friction", "pbmc-correction"):
        yield _case(["solve", name, "-o", "out", "--solver", "fbp"])
    ways = [*broken_files.broken_anyhow(), *broken_arrays.broken_npy()]
    yield from _broken([*good, "--measurements", "mine.npy"], _own_measurements, ways)
    yield from _broken(good, toy.save_problem, broken_files.broken_text())
    yield from _overwriting_cases(good)


def _own_measurements(folder: Path) -> Path:
    toy.save_problem(folder)
    np.save(folder / "mine.npy", toy.measurements().numpy())
    return folder / "mine.npy"


def _overwriting_cases(good: list[str]) -> Iterator[Case]:
    """Give results that cannot be put in place, or would replace what is read."""
    yield _case([*good, "--measurements", "out/solution.npz"], _output_is_input, "which would be overwritten")
    for name in ("solution.npz", "summary.json", "figure.png", "report.html"):

        def blocked(folder: Path, name: str = name) -> None:
            _problem(folder)
            (folder / "out" / name).mkdir(parents=True)

        yield _case(good, blocked, f"{name} is a folder")


def _output_is_input(folder: Path) -> None:
    _problem(folder)
    (folder / "out").mkdir()
    np.savez(folder / "out" / "solution.npz", y=toy.measurements().numpy())


def design_command_cases() -> Iterator[Case]:
    """Vary the arguments of ``sciadv design``."""
    good = ["design", "nanotexture-friction", "-o", "out"]
    targets = ("", "=", "a", "a=", "=1", "friction_coefficient", "friction_coefficient=a", "no-such=1")
    numbers = ("nan", "inf", "-inf", "-1", "1e400", "1j", "0.08,0.1", "0x1")
    for target in (*targets, *(f"friction_coefficient={number}" for number in numbers)):
        yield _case([*good, f"--target={target}"])
    for option, values in (
        ("-n", (*_NO_COUNTS, "1000000000")),
        ("--seed", _NO_SEEDS),
        ("--device", _NO_DEVICES),
    ):
        for value in values:
            yield _case([*good, option, value])
    for folder in _NO_FOLDERS:
        yield _case(["design", "nanotexture-friction", f"--out={folder}"], _problem)
    for name in (*_NO_NAMES, "digits-superresolution", "pbmc-correction", "./problem.toml"):
        yield _case(["design", "-o", "out", "--", name], _problem)


def _cells(folder: Path) -> Path:
    (folder / "problem.toml").write_text("", encoding="utf-8")
    (folder / "loop").symlink_to("loop")
    return toy.save_cells(folder / "cells.h5ad")


def correct_command_cases() -> Iterator[Case]:
    """Vary the arguments of ``sciadv correct``, and break its file."""
    good = ["correct", "cells.h5ad", "--batch", "batch", "-o", "out.h5ad"]
    for option, values in (
        ("--batch", ("", "no-such", "batch ", "a" * 5000)),
        ("--label", ("", "no-such", "a" * 5000)),
        ("--method", ("", "no-such", "combat", "Linear", "a" * 5000)),
        ("--seed", _NO_SEEDS),
        ("--device", _NO_DEVICES),
    ):
        for value in values:
            yield _case([*good, f"{option}={value}"], _cells)
    outputs = (
        "cells.h5ad",
        "./cells.h5ad",
        "out.csv",
        "out",
        "",
        "/dev/null",
        "missing/out.h5ad",
        ".",
        "/proc/1/a.h5ad",
    )
    for output in (*outputs, "problem.toml/out.h5ad", "loop/out.h5ad", f"{'a' * 300}.h5ad"):
        yield _case(["correct", "cells.h5ad", "--batch", "batch", f"--out={output}"], _cells)
    for words, link in (("a link", os.symlink), ("a hard link", os.link)):

        def linked(folder: Path, link: Callable[[str, str], None] = link) -> None:
            _cells(folder)
            link("cells.h5ad", "out.h5ad")

        yield _case(good, linked, f"out.h5ad is {words} to the data")
    ways = [
        way for way in broken_files.broken_anyhow() if way[0] != "sparse-terabyte"
    ]  # HDF5 reads no further
    yield from _broken(good, _cells, ways)
    yield from _broken(good, _cells, _broken_cells())


def _broken_cells() -> Iterator[tuple[str, broken_files.Break]]:
    """Give ``.h5ad`` files that are HDF5 but no cells that can be corrected."""
    n, genes = 60, 12

    def write(matrix: object, **columns: object) -> broken_files.Break:
        def change(path: Path) -> None:
            import anndata
            import pandas

            cells = len(matrix) if hasattr(matrix, "__len__") else n
            obs = pandas.DataFrame(columns or {"batch": ["a", "b"] * (cells // 2)})
            obs.index = obs.index.astype(str)
            anndata.AnnData(matrix, obs=obs).write_h5ad(path)

        return change

    counts = np.ones((n, genes), np.float32)
    yield "nan", write(counts * np.nan)
    yield "inf", write(counts * np.inf)
    yield "negative", write(-counts)
    yield "empty cells", write(counts * 0)
    yield "one batch", write(counts, batch=["a"] * n)
    yield "no batch column", write(counts, other=["a"] * n)
    yield "every cell a batch", write(counts, batch=[str(i) for i in range(n)])
    yield "no cells", write(counts[:0])
    yield "no genes", write(counts[:, :0])
    yield "two cells", write(counts[:2])
    for words, change in (
        ("X is a text", lambda file: _set(file, "X", "text")),
        ("X is a scalar", lambda file: _set(file, "X", 3.0)),
        ("X is lost", lambda file: file.__delitem__("X")),
        ("obs is lost", lambda file: file.__delitem__("obs")),
        ("obs is an array", lambda file: _set(file, "obs", np.zeros(3))),
        ("X has other rows", lambda file: _set(file, "X", counts[:7])),
        ("X has three axes", lambda file: _set(file, "X", np.zeros((n, genes, 2)))),
        ("X is integers of 8 bits", lambda file: _set(file, "X", -np.ones((n, genes), np.int8))),
        ("X is empty", lambda file: _set(file, "X", np.zeros((0, 0)))),
        ("version unknown", lambda file: file.attrs.__setitem__("encoding-version", "99")),
        ("type unknown", lambda file: file.attrs.__setitem__("encoding-type", "no-such")),
    ):
        yield words, broken_files.given(_edited, change)
    for words, sparse in _broken_csr():
        yield (
            f"sparse X: {words}",
            broken_files.given(_edited, partial(_sparse, parts=sparse)),
        )


def _broken_csr() -> Iterator[tuple[str, dict[str, object]]]:
    n = 60
    good = {"data": np.ones(n, np.float32), "indices": np.arange(n) % 12, "indptr": np.arange(n + 1)}
    yield "column outside", good | {"indices": np.arange(n) + 12}
    yield "column negative", good | {"indices": np.arange(n) - 12}
    yield "pointer outside", good | {"indptr": np.arange(n + 1) * 1000}
    yield "pointer decreasing", good | {"indptr": np.arange(n + 1)[::-1].copy()}
    yield "pointer short", good | {"indptr": np.arange(5)}
    yield "data short", good | {"data": np.ones(3, np.float32)}
    yield "data nan", good | {"data": np.full(n, np.nan, np.float32)}
    yield "indices of floats", good | {"indices": np.linspace(0, 1, n)}
    yield "no indices", {"data": good["data"], "indptr": good["indptr"]}


def _edited(path: Path, change: Callable[..., object]) -> None:
    import h5py

    with h5py.File(path, "r+") as file:
        change(file)


def _set(file: object, name: str, value: object) -> None:
    del file[name]  # type: ignore[attr-defined]  # an h5py file
    file[name] = value  # type: ignore[index]  # as above


def _sparse(file: object, parts: dict[str, object]) -> None:
    del file["X"]  # type: ignore[attr-defined]  # an h5py file
    group = file.create_group("X")  # type: ignore[attr-defined]  # as above
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": (60, 12)})
    for name, value in parts.items():
        group[name] = value


def train_command_cases() -> Iterator[Case]:
    """Vary the arguments of ``sciadv train``."""
    good = ["train", "nanotexture", "-o", "out", "--dry-run"]
    for option, values in (
        ("--devices", _NO_COUNTS),
        ("--every", _NO_COUNTS[:-2]),
        ("--device", _NO_DEVICES),
    ):
        for value in values:
            yield _case([*good, f"{option}={value}"])
    for folder in _NO_FOLDERS:
        yield _case(["train", "nanotexture", f"--out={folder}"], _problem)
    for name in _NO_NAMES:
        yield _case(["train", "-o", "out", "--", name])
    yield from _broken(["train", "./recipe.toml", "-o", "out"], _recipe, broken_files.broken_text())
    ways = [*broken_files.broken_anyhow(), *broken_files.broken_tensors()]
    ways = [way for way in ways if way[0] not in {"missing", "dangling"}]
    yield from _broken(["train", "nanotexture", "-o", "out", "--resume"], _checkpoint, ways, "checkpoint ")


def _recipe(folder: Path) -> Path:
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "recipe.toml"


def _checkpoint(folder: Path) -> Path:
    """Write tensors where a checkpoint is looked for."""
    (folder / "out").mkdir()
    file = folder / "out" / "checkpoint.safetensors"
    toy.save_prior(folder / "prior")
    (folder / "prior" / "weights.safetensors").rename(file)
    return file


def catalogue_command_cases() -> Iterator[Case]:
    """Vary the arguments of ``show``, ``list``, ``demo`` and ``bench``."""
    for name in _NO_NAMES:
        yield _case(["show", "--", name])
        yield _case(["bench", "--", name] if name else ["bench", "no-such"])
    for folder in _NO_FOLDERS:
        yield _case(["demo", f"--out={folder}"], _problem)
        yield _case(["bench", "games", "--quick", f"--out={folder}"], _problem)
    for option, values in (
        ("--seed", _NO_SEEDS),
        ("--peers", ("no-such", "deepinv,no-such", "\n;", "a" * 5000)),
        ("--json", ("", ".", "missing/a.json", "problem.toml/a.json", "/proc/1/a.json", "a" * 300)),
    ):
        for value in values:
            yield _case(["bench", "games", "--quick", f"{option}={value}"], _problem)
    yield from _broken(["show", "./problem.toml"], toy.save_problem, broken_files.broken_text())


def accepted_cases() -> Iterator[Case]:
    """Give commands that look strange and work."""
    yield _case(["list"], accepts="lists what there is")
    yield _case(["show", "digits-superresolution"], accepts="shows the problem")
    yield _case(["bench"], accepts="lists the benches")
    yield _case(
        ["solve", "./problem.toml", "-o", "out", "--seed", "9223372036854775807"],
        _problem,
        accepts="the largest seed",
    )
    yield _case(["solve", "./problem.toml", "-o", "a b/ü\u2603"], _problem, accepts="a folder of any name")
    yield _case(
        ["solve", "./problem.toml", "-o", "out", "--first", "1000"], _problem, accepts="all there are"
    )
