"""The bench's machinery on a tiny prior, without any data set; and on MNIST where it is."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.contract import Settings
from benchmarks.held_out import FIRST_IMAGE
from benchmarks.reconstruct import compressed_sensing as cs
from benchmarks.reconstruct.compressed_sensing_tables import (
    Cell,
    Score,
    draw,
    summary_rows,
    table,
    table_rows,
)
from sciadv import Prior
from sciadv.data.datasets import is_available
from sciadv.nets import build_seeded
from sciadv.prior import Moments
from sciadv.solvers import CSGM
from sciadv.solvers.latent.csgm import csgm_loss

SHAPE = (1, 8, 8)
DECODER: dict[str, object] = {"kind": "mlp-decoder", "n_latent": 3, "image_shape": [1, 8, 8], "hidden": [16]}


def tiny_prior() -> Prior:
    net = build_seeded(DECODER, 0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)
    return Prior(net, 3, moments=Moments(torch.full(SHAPE, 0.5), 0.05 * torch.eye(64)))


PRIOR = tiny_prior()
IMAGES = PRIOR.sample(6, seed=3)
PLAN = cs.Plan((20, 100), 2, 4, (("tiny", 2),), 1)


def test_the_problems_objective_is_csgms_up_to_a_factor() -> None:
    problem = cs.make_problem(PRIOR, IMAGES, m=20, seed=0)
    solution = CSGM(restarts=2, n_iterations=5).solve(problem)
    assert solution.z is not None
    ours = cs.csgm_objective(problem, solution.x, solution.z)
    assert torch.allclose(solution.objective * 2 * cs.SIGMA**2 / 20, ours, rtol=1e-4)
    assert solution.restart_objectives is not None
    assert torch.allclose(solution.restart_objectives.amin(1), ours, rtol=1e-4)
    assert csgm_loss(problem).latent_weight == 2 * cs.LAM


def test_searches_do_not_stop_at_the_noise_level() -> None:
    problem = replace(cs.make_problem(PRIOR, IMAGES, m=20, seed=0), latent_weight=0.0)
    for name, (solver, _) in cs.SEARCHES.items():
        if isinstance(solver, CSGM):
            continue
        stopped = replace(solver, stop_at_noise=True).solve(problem)
        assert float(solver.solve(problem).objective.mean()) < float(stopped.objective.mean()), name


def test_matrix_noise_and_digits_are_the_same_for_every_method_and_differ_by_seed() -> None:
    one, again, other = (cs.make_problem(PRIOR, IMAGES, m=20, seed=seed) for seed in (0, 0, 1))
    few = cs.make_problem(PRIOR, IMAGES, m=20, seed=0).subset(slice(2))
    assert torch.equal(one.measurements, again.measurements)
    assert torch.equal(one.measurements[:2], few.measurements)
    assert not torch.allclose(one.measurements, other.measurements)


def measured(tmp_path: Path | None = None) -> dict[Cell, Score]:
    cells = [c for c in cs.plan_cells(PLAN, ()) if c.method not in ("csgm", "adam, 3 starts")]
    return cs.measure(
        cells, {"tiny": PRIOR}, lambda seed: PRIOR.sample(4, seed=seed), Settings(cache=tmp_path)
    )


@pytest.fixture(scope="module")
def scores() -> dict[Cell, Score]:
    return measured()


def test_rows_name_what_was_measured_and_on_how_many(scores: dict[Cell, Score]) -> None:
    rows = {row["row"]: row for row in table_rows(scores)}
    ours, adam, lmmse = (
        rows[name] for name in ("tiny, levenberg-marquardt, m = 20", "tiny, adam, m = 20", "lmmse, m = 20")
    )
    assert (ours["n_images"], adam["n_images"], lmmse["n_images"]) == (8, 4, 8)
    assert (ours["n_seeds"], ours["n_images_failures"]) == (2, 4)
    assert ours["cpu_seconds_per_image"] > 0
    assert lmmse["csgm_objective"] is None
    assert ours["mse_mean"] < lmmse["mse_mean"]


def test_levenberg_marquardt_reaches_adams_objective(scores: dict[Cell, Score]) -> None:
    (summary,) = summary_rows(scores)
    assert summary["objective_ratio_adam_max"] < 1.01
    assert summary["speed_adam_m100"] > 1


def test_tables_and_picture_have_every_method(scores: dict[Cell, Score]) -> None:
    rows = table_rows(scores) + summary_rows(scores)
    text = table(rows)
    assert all(words in text for words in ("tiny, adam", "lasso, cosines", "m = 100", "Failures"))
    figure = Figure()
    draw(figure, rows)
    assert len(figure.axes[0].lines) == 5


def test_finished_parts_are_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measured(tmp_path)
    n_files = len(list(tmp_path.iterdir()))
    assert n_files == len(first)

    def fail(*_: object) -> Score:
        raise AssertionError("computed again")

    monkeypatch.setattr(cs, "score", fail)
    assert measured(tmp_path) == first


def test_other_weights_are_computed_again(tmp_path: Path) -> None:
    cell = cs.plan_cells(PLAN, ())[:1]
    for card in ({}, {"weights_sha256": "other"}):
        prior = Prior(PRIOR.generator, 3, moments=PRIOR.moments, card=card)
        cs.measure(cell, {"tiny": prior}, lambda seed: PRIOR.sample(4, seed=seed), Settings(cache=tmp_path))
    assert len(list(tmp_path.iterdir())) == 2


def a_score(*objective: float, cpu: float = 1.0) -> Score:
    return Score([0.1] * len(objective), list(objective), cpu)


def test_failures_and_ratios_are_of_the_same_digits_only() -> None:
    scores = {
        Cell("p", "levenberg-marquardt", 100, 0, 3): a_score(1.0, 2.0, 50.0, cpu=0.01),
        Cell("p", "csgm", 100, 0, 2): a_score(1.0, 1.9, cpu=0.5),
        Cell("p", "adam", 100, 0, 2): a_score(1.005, 1.0, cpu=0.2),
    }
    rows = {row["method"]: row for row in table_rows(scores)}
    assert rows["levenberg-marquardt"]["failures"] == 0.5
    assert rows["adam"]["failures"] == 0
    assert rows["levenberg-marquardt"]["csgm_objective"] == pytest.approx(53 / 3)
    (summary,) = summary_rows(scores)
    assert summary["objective_ratio_csgm_max"] == pytest.approx(3.0 / 2.9)
    assert summary["speed_csgm_m100"] == pytest.approx(50)
    assert summary["speed_adam_min"] == pytest.approx(20)


def test_the_full_plan_is_the_papers_and_has_100_digits_of_3_seeds() -> None:
    assert cs.FULL.measurements == (10, 25, 50, 100, 200, 300, 400, 500, 750)
    assert cs.FULL.n_images * cs.FULL.n_seeds >= 100
    assert dict(cs.FULL.n_slow)["mnist-vae"] * cs.FULL.n_seeds >= 100
    methods = {cell.method for cell in cs.plan_cells(cs.FULL, ("deepinv",))}
    assert methods == {*cs.SEARCHES, *cs.BASELINES, "deepinv"}


@pytest.mark.skipif(not is_available("mnist"), reason="MNIST is not under SCIADV_DATA")
def test_seeds_have_digits_of_their_own_that_tuning_never_saw() -> None:
    from sciadv.data.datasets import load_images

    digits = cs.held_out_digits(cs.FULL)
    sets = [digits(seed) for seed in range(3)]
    later = torch.tensor(load_images("mnist", "test").images[FIRST_IMAGE:])
    assert all(part.shape == (100, 1, 28, 28) and part.max() <= 1 for part in sets)
    assert torch.equal(torch.cat(sets)[:, 0], later[: 3 * 100].float() / 255)
