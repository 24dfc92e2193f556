"""The benches of inpainting, deblurring and super-resolution: the problems' own operators, other images."""

import numpy as np
import pytest
import torch

from benchmarks import BENCHES
from benchmarks.reconstruct import restorations
from sciadv.catalogue import load_problem
from sciadv.data.datasets import Images

PROBLEMS = tuple(restorations.BENCHES)


@pytest.fixture(autouse=True)
def images(monkeypatch):
    rng = np.random.default_rng(0)
    found = Images(rng.integers(0, 256, (6000, 28, 28), np.uint8), np.zeros(6000, np.uint8), "")
    monkeypatch.setattr(restorations, "load_images", lambda name, split: found)
    restorations.pose.cache_clear()
    yield
    restorations.pose.cache_clear()


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_bench_measures_with_the_problems_operator_and_noise(name):
    assert BENCHES[name].problem == name
    problem = restorations.pose(restorations.case_file(name, "mnist"), "mnist", 1)
    shipped = load_problem(name)
    x = problem.truth[:2]
    torch.testing.assert_close(problem.forward(x), shipped.forward(x))
    assert float(problem.likelihood.sigma) == float(shipped.likelihood.sigma)
    residual = problem.likelihood.misfit(problem.forward(problem.truth), problem.measurements)
    assert float(residual.square().mean()) == pytest.approx(1, abs=0.1)


def test_seeds_have_other_images_from_those_kept_for_the_bench():
    file = restorations.case_file("super-resolution", "mnist")
    first, second = (restorations.pose(file, "mnist", seed).truth for seed in (0, 1))
    assert len(first) == 34
    assert not torch.equal(first, second)


def test_rows_are_of_every_method_and_the_bar_has_its_row(monkeypatch):
    few = {name: restorations.METHODS[name] for name in ("lmmse", "tv")}
    monkeypatch.setattr(restorations, "METHODS", {"auto": few["lmmse"], **few})
    monkeypatch.setattr(restorations, "COUNTS", {"auto": (34, 2), "lmmse": (34, 2), "tv": (34, 2)})
    monkeypatch.setattr(restorations, "CASES", {"mnist": ("problem.toml", "mnist")})
    rows = restorations.run("inpainting", restorations.Settings(quick=True))
    assert [row["row"] for row in rows] == ["mnist, auto", "mnist, lmmse", "mnist, tv", "mnist, summary"]
    assert rows[-1]["excess_max"] >= 0  # auto is lmmse here
