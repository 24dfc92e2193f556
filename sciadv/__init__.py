"""Search the latent space of a generator for a solution that agrees with a measurement or a physical law.

>>> import sciadv
>>> problem = sciadv.load_problem("digits-superresolution").subset(slice(2))
>>> sciadv.solve(problem).x.shape
torch.Size([2, 1, 32, 32])
"""

from sciadv.catalogue import load_problem
from sciadv.likelihood import Gaussian, Likelihood, Poisson, Tolerance
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers import solve

__version__ = "0.1.0"

__all__ = [
    "Gaussian",
    "Likelihood",
    "Poisson",
    "Prior",
    "Problem",
    "Solution",
    "Status",
    "Tolerance",
    "__version__",
    "load_problem",
    "solve",
]
