"""One case in a process of its own, whose peak of memory is its own: ``python -m benchmarks.size.child``.

Takes a case as JSON and writes one row as JSON to its standard output.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from benchmarks.contract import Row, cpu_seconds, one_thread
from benchmarks.size.posed import Case, posed
from sciadv.problem import Problem
from sciadv.solvers import TV, Auto
from sciadv.solvers.classical.tv import gradient
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.solvers.spatial.stationary_combination import SpatialSettings, reference_products
from sciadv.solvers.spatial.stationary_error import StationaryError
from sciadv.solvers.spatial.stationary_lmmse import StationaryLMMSE


def psnr(problem: Problem, x: Tensor) -> float:
    """Return the peak signal-to-noise ratio [dB] of images within [0, 1]."""
    assert problem.truth is not None
    return float(-10 * (x.clamp(0, 1) - problem.truth).square().mean().log10())


def peak_bytes() -> int:
    """Return the largest resident memory of this process so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(case: Case) -> Row:
    """Solve a case by `auto`, then by its rivals.

    The rival's total variation has the weight of least error on the reference images.
    """
    base = peak_bytes()
    how = SpatialSettings()
    with one_thread():
        with cpu_seconds() as making:
            problem = posed(case)
        with cpu_seconds() as once:
            products = reference_products(problem, how, Run(0))
        with cpu_seconds() as spent:
            found = Auto().solve(problem, seed=case.seed)
        peak = peak_bytes()
        with cpu_seconds() as start:
            ranged = StationaryError(how.n_iterations, n_products=how.n_products).solve(problem)
        linear = StationaryLMMSE(how.n_products, how.tolerance).solve(problem)
        tv = _total_variation(problem, how, products)
    return {
        "psnr": psnr(problem, found.x),
        "psnr_linear": psnr(problem, linear.x),
        "psnr_tv": psnr(problem, tv),
        "psnr_generator": psnr(problem, ranged.x),
        "gain_tv": psnr(problem, found.x) - psnr(problem, tv),
        "gain_linear": psnr(problem, found.x) - psnr(problem, linear.x),
        "misfit": float(found.misfit),
        "misfit_in_thresholds": float(found.misfit) / noise_threshold(problem),
        "measured": problem.n_measurements / problem.measurements.new_empty(case.shape).numel(),
        "cpu_seconds": spent(),
        "once_cpu_seconds": once(),
        "operator_cpu_seconds": making(),
        "start_cpu_seconds": start(),
        "times_a_start": spent() / start(),
        "peak_bytes": peak,
        "above_base_bytes": peak - base,
        "weights": json.dumps(found.settings["weights"]),
    }


def _total_variation(problem: Problem, how: SpatialSettings, products: Tensor) -> Tensor:
    errors = products.diagonal()[2:].tolist()
    factor = how.tv_factors[errors.index(min(errors))]
    assert problem.prior.stationary is not None
    reference = problem.prior.stationary.reference
    assert reference is not None
    length = float(gradient(reference).square().sum(0).sqrt().mean())
    return TV(weight=2 * factor / length, n_iterations=how.tv_iterations).solve(problem).x


def main() -> None:
    """Measure the case of the first argument."""
    with TemporaryDirectory() as folder:
        os.environ["SCIADV_CACHE"] = folder
        row = measure(Case(**json.loads(sys.argv[1])))
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
