"""The evidence under a generator's tangents against the densities that torch gives, and turned operators."""

from dataclasses import replace

import torch
from torch.distributions import MultivariateNormal

from sciadv.data.moments import Moments, Residual
from sciadv.solvers.diagnosis.tangent_mixture import tangent_mixture
from sciadv.solvers.linear.gaussian_estimate import operator_matrix
from sciadv.solvers.linear.jacobian import push_unit_tangents
from sciadv.solvers.linear.linearised_draws import n_linearised
from sciadv.testing import linear_problem


def test_it_is_the_mixture_of_the_gaussians_at_the_draws():
    problem = linear_problem()
    half = 0.2 * torch.randn(24, 24, generator=torch.Generator().manual_seed(5))
    moments = Moments(torch.full((1, 4, 6), 0.1), half @ half.T)
    residual = Residual(moments, moments, torch.zeros(2, 1, 4, 6))
    problem = replace(problem, prior=replace(problem.prior, residual=residual))
    matrix = operator_matrix(problem.forward)
    other = matrix.flip(1)
    found = tangent_mixture(problem, [matrix, other], seed=3)
    prior, image = problem.prior, problem.prior.residual.image
    z = prior.sample_latent(min(200, n_linearised(problem)), seed=3)
    with torch.no_grad():
        x, tangents = push_unit_tangents(prior, z)
    noise = float(problem.likelihood.sigma) ** 2 * torch.eye(len(matrix), dtype=torch.float64)
    for column, A in enumerate((matrix, other)):
        each = []
        for k in range(len(z)):
            J = tangents[:, k].flatten(1).T.double()
            mean = A @ (x[k].flatten().double() + image.mean.flatten().double())
            covariance = A @ (J @ J.T + image.covariance.double()) @ A.T + noise
            each.append(MultivariateNormal(mean, covariance).log_prob(problem.measurements.double()))
        expected = torch.stack(each).logsumexp(0) - torch.tensor(float(len(z))).log()
        torch.testing.assert_close(found[:, column], expected, atol=1e-4, rtol=1e-5)
