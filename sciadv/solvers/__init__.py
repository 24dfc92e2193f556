"""Solvers: one algorithm a file; the verb is `sciadv.solve`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sciadv.errors import InputError
from sciadv.problem import Problem
from sciadv.registry.registry import Registry, by_attribute
from sciadv.registry.settings import parameters_of
from sciadv.solution import Solution
from sciadv.solvers.automatic.auto import Auto
from sciadv.solvers.automatic.binary_cells import BinaryCells
from sciadv.solvers.beyond_range.learned_tv import LearnedTV
from sciadv.solvers.beyond_range.regularised_gauss_newton import RegularisedGaussNewton
from sciadv.solvers.beyond_range.representation_error import RepresentationError
from sciadv.solvers.beyond_range.tangent_kernel import TangentKernel
from sciadv.solvers.classical.fbp import FBP
from sciadv.solvers.classical.hio import HIO
from sciadv.solvers.classical.lasso import Lasso
from sciadv.solvers.classical.lmmse import LMMSE
from sciadv.solvers.classical.tv import TV
from sciadv.solvers.classical.wirtinger_flow import WirtingerFlow
from sciadv.solvers.diagnosis.verdicts import diagnose
from sciadv.solvers.latent.adam import Adam
from sciadv.solvers.latent.annealing import Annealing
from sciadv.solvers.latent.csgm import CSGM
from sciadv.solvers.latent.differential_evolution import DifferentialEvolution
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Progress
from sciadv.solvers.many_latents.amortised_search import AmortisedSearch
from sciadv.solvers.many_latents.gauss_newton_cg import GaussNewtonCG
from sciadv.solvers.posterior.hmc import HMC
from sciadv.solvers.posterior.laplace import Laplace
from sciadv.solvers.posterior.mala import MALA
from sciadv.solvers.posterior.pcn import PCN
from sciadv.solvers.posterior.smc import SequentialMonteCarlo
from sciadv.solvers.published.deep_image_prior import DeepImagePrior
from sciadv.solvers.published.image_adaptive import ImageAdaptive
from sciadv.solvers.published.intermediate_layer import IntermediateLayer
from sciadv.solvers.published.multi_code import MultiCode
from sciadv.solvers.published.sparse_deviation import SparseDeviation


@runtime_checkable
class Solver(Protocol):
    """Anything with a name that turns a problem into a solution."""

    @property
    def name(self) -> str:
        """Name in the registry."""
        ...

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem."""
        ...


def _solver_names(part: object) -> tuple[str, ...]:
    """Return the name of a class that solves; none of any other part."""
    return by_attribute("name")(part) if hasattr(part, "solve") else ()


#: The solvers that a file can name by `kind`.
SOLVERS: Registry[type[Solver]] = Registry("solver", "sciadv.solvers", names=_solver_names)

__all__ = [
    "CSGM",
    "FBP",
    "HIO",
    "HMC",
    "LMMSE",
    "MALA",
    "PCN",
    "SOLVERS",
    "TV",
    "Adam",
    "AmortisedSearch",
    "Annealing",
    "Auto",
    "BinaryCells",
    "DeepImagePrior",
    "DifferentialEvolution",
    "GaussNewtonCG",
    "ImageAdaptive",
    "IntermediateLayer",
    "Laplace",
    "Lasso",
    "LearnedTV",
    "LevenbergMarquardt",
    "Monitor",
    "MultiCode",
    "Progress",
    "RegularisedGaussNewton",
    "RepresentationError",
    "SequentialMonteCarlo",
    "Solver",
    "SparseDeviation",
    "TangentKernel",
    "WirtingerFlow",
    "diagnose",
    "make_solver",
    "solver_names",
]


def solver_names() -> list[str]:
    """List the solvers there are, those of other packages (entry points ``sciadv.solvers``) included."""
    return list(SOLVERS)


def make_solver(name: str, *, restarts: int | None = None) -> Solver:
    """Make a solver by name with its own defaults, or with another number of restarts.

    Raises
    ------
    UnknownNameError
        There is no solver of that name.
    InputError
        `restarts` is below 1, or was given to a solver that has none.
    """
    solver_class = SOLVERS.find(name)
    if restarts is None:
        return solver_class()
    if restarts < 1:
        raise InputError(f"restarts must be at least 1, but it is {restarts}")
    if "restarts" not in parameters_of(solver_class):
        raise InputError(
            f"solver {name!r} does not restart: it computes its answer directly; leave restarts out"
        )
    return solver_class(restarts=restarts)  # type: ignore[call-arg]  # it takes them
