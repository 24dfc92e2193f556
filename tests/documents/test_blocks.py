"""Every block of code of the README and of the documentation runs as printed, or says why it is not run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from documents.pages import ROOT, RUNS, blocks, documents
from PIL import Image
from typer.testing import CliRunner

from sciadv.cli import app

PAGES = [page for page in documents() if any(block.kind in RUNS for block in blocks(page))]


@pytest.fixture
def readers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be in a folder that holds the files that the pages name."""
    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(0)
    (tmp_path / "my-images").mkdir()
    for k in range(60):
        picture = Image.fromarray(numbers.integers(0, 255, (16, 16), dtype=np.uint8))
        picture.save(tmp_path / "my-images" / f"{k:03d}.png")
    (tmp_path / "my").mkdir()
    text = (ROOT / "problems" / "compressed-sensing" / "problem.toml").read_text(encoding="utf-8")
    (tmp_path / "my" / "problem.toml").write_text(text.split("[[bench.bars]]")[0], encoding="utf-8")
    y = numbers.normal(size=(2, 100)).astype(np.float32)
    np.savez(tmp_path / "my" / "measurements.npz", y=y, labels=np.zeros(2, dtype=np.int64))
    np.save(tmp_path / "y.npy", y)
    with mpl.rc_context(), torch.random.fork_rng():
        mpl.use("agg")
        yield tmp_path
        plt.close("all")


def write_cells(folder: Path) -> None:
    """Write two files of simulated cells, where the reader of AnnData is installed."""
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    from sciadv.domains.batch_correction import simulate_counts

    for name, n, seed in (("cells", 240, 0), ("more", 60, 0)):
        cells = simulate_counts(n, 60, n_batches=2, n_types=2, seed=seed)
        obs = pandas.DataFrame({"batch": cells.batch}, index=[f"cell {i}" for i in range(n)])
        table = anndata.AnnData(cells.counts, obs=obs, var=pandas.DataFrame(index=cells.genes))
        table.write_h5ad(folder / f"{name}.h5ad")
        with h5py.File(folder / f"{name}.h5mu", "w") as file:
            file.attrs["encoding-type"] = "MuData"
            anndata.io.write_elem(file, "obs", obs)
            anndata.io.write_elem(file, "mod", {"rna": table})


def run_commands(code: str) -> None:
    """Run the lines of a block through the command line, in this process."""
    for line in code.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:  # what it runs is in CI by itself
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
        elif words:
            assert words[0] == "sciadv", f"only sciadv's commands are run: {line}"
            found = CliRunner().invoke(app, words[1:])
            assert found.exit_code == 0, f"{line}\n{found.output}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).with_suffix("").as_posix())
@pytest.mark.filterwarnings("default::UserWarning:anndata")
def test_the_blocks_of_a_page_run_one_after_the_other(page: Path, readers_folder: Path) -> None:
    shown = blocks(page)
    if any(".h5ad" in block.code for block in shown if block.why_not is None):
        write_cells(readers_folder)
    names: dict[str, object] = {"__name__": "page"}
    for block in shown:
        if block.kind == "python" and block.why_not is None:
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)
        elif block.kind == "sh" and block.why_not is None:
            run_commands(block.code)


@pytest.mark.parametrize(
    "page", documents(), ids=lambda page: page.relative_to(ROOT).with_suffix("").as_posix()
)
def test_a_block_has_a_kind_and_what_is_not_run_can_be_read(page: Path) -> None:
    for block in blocks(page):
        assert block.kind, f"{page}:{block.line} has no kind: python, sh, toml, text"
        if block.kind == "python":
            compile(block.code, str(page), "exec")
        if block.why_not is not None:
            assert len(block.why_not.split()) > 2, f"{page}:{block.line} does not say why it is not run"


def test_the_readme_has_its_four_uses_and_fits_two_screens() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    python = [block for block in blocks(ROOT / "README.md") if block.kind == "python"]
    assert len(python) == 4
    assert all(len(block.code.splitlines()) <= 11 and block.why_not is None for block in python)
    assert len(text.splitlines()) <= 115
