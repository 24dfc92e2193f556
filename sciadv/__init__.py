"""Search the latent space of a generator for a solution that agrees with a measurement or a physical law.

>>> import sciadv
>>> problem = sciadv.load_problem("digits-superresolution").subset(slice(2))
>>> sciadv.solve(problem).x.shape
torch.Size([2, 1, 32, 32])
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sciadv.catalogue import load_problem
    from sciadv.constraint import Constraint
    from sciadv.designs import at_least, at_most
    from sciadv.domains.batch_correction.corrector import BatchCorrector
    from sciadv.forward.design.quantity import Variable
    from sciadv.likelihood import Gaussian, Likelihood, Poisson, StudentT, Tolerance
    from sciadv.prior import Factory, Prior
    from sciadv.problem import Problem
    from sciadv.recipes.images.own import train
    from sciadv.solution import Solution, Status
    from sciadv.trainings.game.game import Game
    from sciadv.verbs.design import design
    from sciadv.verbs.solve import solve
    from sciadv.verbs.solve_many import solve_many

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())  # quiet unless a program asks

__all__ = [
    "BatchCorrector",
    "Constraint",
    "Factory",
    "Game",
    "Gaussian",
    "Likelihood",
    "Poisson",
    "Prior",
    "Problem",
    "Solution",
    "Status",
    "StudentT",
    "Tolerance",
    "Variable",
    "__version__",
    "at_least",
    "at_most",
    "design",
    "load_problem",
    "solve",
    "solve_many",
    "train",
]

_MODULE_OF = {
    "BatchCorrector": "sciadv.domains.batch_correction.corrector",
    "Constraint": "sciadv.constraint",
    "Factory": "sciadv.prior",
    "Game": "sciadv.trainings.game.game",
    "Gaussian": "sciadv.likelihood",
    "Likelihood": "sciadv.likelihood",
    "Poisson": "sciadv.likelihood",
    "StudentT": "sciadv.likelihood",
    "Prior": "sciadv.prior",
    "Problem": "sciadv.problem",
    "Solution": "sciadv.solution",
    "Status": "sciadv.solution",
    "Tolerance": "sciadv.likelihood",
    "Variable": "sciadv.forward.design.quantity",
    "at_least": "sciadv.designs",
    "at_most": "sciadv.designs",
    "design": "sciadv.verbs.design",
    "load_problem": "sciadv.catalogue",
    "solve": "sciadv.verbs.solve",
    "solve_many": "sciadv.verbs.solve_many",
    "train": "sciadv.recipes.images.own",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: ``sciadv --help`` and ``import sciadv`` stay quick."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'sciadv' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
