"""Likelihoods: how far a prediction may lie from the data.

A likelihood gives, per problem of a batch, its energy ``-log p(y | y_hat)`` up to a constant, the energy's
gradient and (diagonal) Fisher curvature in the prediction, and a misfit in units of the noise. That is all a
solver needs, of first or second order. Complex data count as two real numbers each, with `sigma` the standard
deviation of each of the two.
"""

from collections.abc import Callable

from sciadv.likelihood.base import Likelihood, as_data, real_view
from sciadv.likelihood.gaussian import Gaussian
from sciadv.likelihood.negative_binomial import NegativeBinomial
from sciadv.likelihood.poisson import Poisson
from sciadv.likelihood.student_t import StudentT
from sciadv.likelihood.tolerance import Tolerance
from sciadv.registry.registry import Registry

#: The likelihoods that a file can name by `kind`.
LIKELIHOODS: Registry[Callable[..., Likelihood]] = Registry("likelihood", "sciadv.likelihood")

__all__ = [
    "LIKELIHOODS",
    "Gaussian",
    "Likelihood",
    "NegativeBinomial",
    "Poisson",
    "StudentT",
    "Tolerance",
    "as_data",
    "real_view",
]
