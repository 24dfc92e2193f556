"""Conformance suites, public: what every operator, prior, solver, designer and corrector must do."""

from sciadv.testing.corrector_suite import check_corrector
from sciadv.testing.designer_suite import check_designer
from sciadv.testing.forward_suite import check_forward
from sciadv.testing.posterior_suite import check_posterior
from sciadv.testing.prior_suite import check_prior
from sciadv.testing.solver_suite import check_solver, check_steps, linear_problem, map_objective
from sciadv.testing.training_suite import check_training

__all__ = [
    "check_corrector",
    "check_designer",
    "check_forward",
    "check_posterior",
    "check_prior",
    "check_solver",
    "check_steps",
    "check_training",
    "linear_problem",
    "map_objective",
]
