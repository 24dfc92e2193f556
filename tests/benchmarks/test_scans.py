from dataclasses import replace

import pytest
import torch

from benchmarks import BENCHES
from benchmarks.contract import Settings
from benchmarks.scans import scans
from sciadv.data.datasets import is_available
from sciadv.data.moments import Moments, Residual
from sciadv.files.folders import entry_names
from sciadv.forward import ParallelBeam
from sciadv.prior import Prior

SHAPE = (1, 64, 64)


def disc() -> torch.Tensor:
    row = torch.arange(64) - 31.5
    inside = row[:, None] ** 2 + row**2 < 20**2
    return torch.where(inside, 0.42, scans.AIR)[None, None]


@pytest.fixture(scope="module")
def prior() -> Prior:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(2, 4096), torch.nn.Sigmoid(), torch.nn.Unflatten(1, SHAPE))
        encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4096, 2))
    factor, diagonal = (
        0.05 * torch.randn(4096, 3, generator=torch.Generator().manual_seed(0)),
        torch.full((4096,), 0.01),
    )
    moments = Moments(torch.full(SHAPE, 0.3), factor=factor, diagonal=diagonal)
    return Prior(net, 2, encoder, moments=moments, residual=Residual(moments, moments, torch.rand(2, *SHAPE)))


def test_attenuation_is_that_of_tissue_and_bone_in_physical_units() -> None:
    brain, white = (scans.ATTENUATION * (grey - scans.AIR) for grey in (0.42, 1.0))
    assert brain == pytest.approx(0.020, abs=0.001)  # 1 / mm, water at 70 keV: 0.019
    assert white == pytest.approx(0.056, abs=0.001)  # cortical bone at 70 keV: about 0.05


def test_counts_of_a_disc_follow_beer_and_lambert() -> None:
    forward = ParallelBeam(SHAPE, [0.0, 90.0])
    counts = torch.stack([scans.ct_counts(forward, disc(), seed=seed) for seed in range(40)]).mean(0)
    through = counts[0, 0, :, 45].mean()  # the middle of 91 detector pixels
    path = 40 * scans.PIXEL  # mm
    expected = scans.N_PHOTONS * torch.exp(torch.tensor(-0.020 * path))
    assert through / expected == pytest.approx(1.0, abs=0.06)
    assert counts[0, 0, :, 0].mean() / scans.N_PHOTONS == pytest.approx(1.0, abs=0.01)  # air


def test_log_transformed_counts_have_the_noise_they_state(prior: Prior) -> None:
    squares = []
    for seed in range(10):
        problem = scans.pose_ct(prior, disc(), 8, seed)
        squares.append(problem.likelihood.misfit(problem.forward(disc()), problem.measurements) ** 2)
    assert float(torch.stack(squares).mean()) == pytest.approx(1.0, abs=0.05)


def test_mr_data_are_an_eighth_of_k_space_with_the_stated_noise(prior: Prior) -> None:
    problem = scans.pose_mr(prior, disc().expand(3, -1, -1, -1), 8, 0)
    assert problem.measurements.shape == (3, 1, 8 * 64)
    misfit = problem.likelihood.misfit(problem.forward(disc()), problem.measurements)
    assert bool(((misfit > 0.9) & (misfit < 1.1)).all())


def test_baselines_are_images_within_range(prior: Prior) -> None:
    ct, mr = scans.pose_ct(prior, disc(), 8, 0), scans.pose_mr(prior, disc(), 4, 0)
    for x in (scans.filtered(ct), scans.lmmse(ct), scans.zero_filled(mr), scans.lmmse(mr)):
        assert x.shape == (1, *SHAPE)
        assert x.min() >= 0
        assert x.max() <= 1


def test_the_benches_and_their_problems_go_by_the_same_names() -> None:
    for name in ("ct-sparse-view", "mri-undersampled"):
        assert BENCHES[name].problem == name
        assert name in entry_names("problems")


@pytest.mark.skipif(not is_available("breast-mr"), reason="needs MedNIST under SCIADV_DATA")
def test_the_bench_compares_auto_with_its_peers_on_test_slices(
    prior: Prior, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setattr(Prior, "load", lambda _: prior)
    monkeypatch.setattr(scans, "WEIGHTS", (10.0,))
    monkeypatch.setattr(scans, "QUICK", scans.Plan(1, 1, 0, 1))
    scan = replace(scans.MR, cases={"8x": 8})
    rows = scans.run(scan, Settings(quick=True, cache=tmp_path))
    names = {row["row"] for row in rows}
    assert {f"8x, {name}" for name in ("zero-filled", "tv", "lmmse", "auto", "summary")} <= names
    assert "Weight of `tv`" in scans.table(rows)
    again = scans.run(scan, Settings(quick=True, cache=tmp_path))
    assert [row["psnr_mean"] for row in again if "psnr_mean" in row] == [
        row["psnr_mean"] for row in rows if "psnr_mean" in row
    ]
