"""A run that is killed at any step goes on from its last checkpoint exactly, rows included."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_recipes import SMALL_RECIPES

from sciadv.catalogue import load_recipe
from sciadv.errors import InputError, WeightsError
from sciadv.files.publishing import lock_folder
from sciadv.recipes import make_job, train_recipe
from sciadv.trainings import load_training, run
from sciadv.trainings.checkpoint import write_checkpoint

KILLED = """
import os, signal, sys, torch
from pathlib import Path
from sciadv.catalogue import load_recipe
from sciadv.recipes import make_job
from sciadv.trainings import run

def kill(progress):
    if progress.step == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
training = make_job(load_recipe(folder), folder / "out", torch.device("cpu")).training
run(training, checkpoint=folder / "out" / "checkpoint.safetensors", every=2, monitor=kill)
"""


def rows(folder: Path, table: str) -> list[list[str]]:
    with (folder / table).open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(("kind", "step"), [("prior", 5), ("design", 3)])
def test_a_killed_run_goes_on_exactly(kind: str, step: int, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(SMALL_RECIPES[kind])
    recipe = load_recipe(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(step)], check=False, capture_output=True, text=True
    )
    assert ended.returncode == -9, ended.stderr
    folders = [tmp_path / name for name in ("out", "whole")]
    for folder in folders:
        checkpoint = folder / "checkpoint.safetensors"
        training = make_job(recipe, folder, torch.device("cpu")).training
        if checkpoint.is_file():
            load_training(training, checkpoint)
            assert training.n_done == step - 1  # the last multiple of two
        run(training, checkpoint=checkpoint, every=2)
    killed, whole = (load_file(folder / "checkpoint.safetensors") for folder in folders)
    assert all(torch.equal(t, whole[name]) for name, t in killed.items())
    for table in ("metrics.csv", "quality.csv"):
        assert rows(folders[0], table) == rows(folders[1], table)


def test_a_torn_row_and_rows_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(SMALL_RECIPES["design"])
    recipe = load_recipe(tmp_path)
    job = make_job(recipe, tmp_path, torch.device("cpu"))
    folder, asked = tmp_path / "out", iter([False, False, False, True])
    run(
        job.training,
        checkpoint=folder / "checkpoint.safetensors",
        every=10,
        is_interrupted=lambda: next(asked),
    )
    kept = rows(folder, "metrics.csv")
    with (folder / "metrics.csv").open("a") as file:
        file.write(",".join(["5", *kept[-1][1:]]) + "\n" + "6,0.2")
    again = make_job(recipe, tmp_path, torch.device("cpu")).training
    load_training(again, folder / "checkpoint.safetensors")
    run(again, checkpoint=folder / "checkpoint.safetensors", every=10)
    found = rows(folder, "metrics.csv")
    assert found[: len(kept)] == kept
    assert [row[0] for row in found[1:]] == [str(step) for step in range(1, again.n_steps + 1)]


@pytest.mark.parametrize("lost", ["update", "n_done", "optimizers"])
def test_a_checkpoint_that_lacks_a_fact_is_refused_in_words_and_changes_nothing(
    lost: str, tmp_path: Path
) -> None:
    (tmp_path / "recipe.toml").write_text(SMALL_RECIPES["design"])
    training = make_job(load_recipe(tmp_path), tmp_path, torch.device("cpu")).training
    training.step()
    tensors, facts = training.state()
    del facts[lost]
    file = tmp_path / "checkpoint.safetensors"
    write_checkpoint(file, tensors, {**facts, "settings": training.settings()})
    training.step()
    before = training.state()
    with pytest.raises(WeightsError, match="not a whole checkpoint"):
        load_training(training, file)
    assert training.n_done == 2
    assert all(torch.equal(t, before[0][name]) for name, t in training.state()[0].items())


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(SMALL_RECIPES["design"])
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom sciadv.files.publishing import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    out = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=r"another|other"):
            train_recipe(load_recipe(tmp_path), out)
        holder.communicate("")
    with lock_folder(out):
        assert not (out / "checkpoint.safetensors").exists()
