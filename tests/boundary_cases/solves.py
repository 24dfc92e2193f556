"""Values of solves, of searches for designs and of loading a problem."""

import numpy as np
import torch

from boundary_cases.small_objects import Refused, Taken, problem
from sciadv import design, load_problem, solve
from sciadv.solvers import Laplace, LevenbergMarquardt, SequentialMonteCarlo

TAKEN: Taken = {
    "restarts and seed are NumPy and torch numbers": lambda: solve(
        problem(), "levenberg-marquardt", restarts=np.int64(3), seed=torch.tensor(1)
    ),
    "the largest seed": lambda: solve(problem(), "levenberg-marquardt", restarts=2, seed=2**63 - 1),
}

REFUSED: Refused = {
    "restarts huge": (
        lambda: solve(problem(), "levenberg-marquardt", restarts=10**9),
        "10+ starts for each of 2 measurements would take about .* of memory, .*; lower the restarts",
    ),
    "restarts huge, by auto": (lambda: solve(problem(), restarts=10**7), "would take about"),
    "restarts beyond any number": (
        lambda: solve(problem(), restarts=10**30),
        "restarts must be a whole number",
    ),
    "restarts of a solver that is an object": (
        lambda: LevenbergMarquardt(restarts=10**9).solve(problem()),
        "10+ starts for each of 2 measurements would take about",
    ),
    "particles huge": (
        lambda: solve(problem(), SequentialMonteCarlo(n_particles=2 * 10**9)),
        "would take about",
    ),
    "draws of a posterior huge": (
        lambda: solve(problem(), Laplace(n_samples=2 * 10**9)),
        "20+ draws for each of 2",
    ),
    "restarts half": (lambda: solve(problem(), restarts=2.5), "restarts must be a whole number"),
    "restarts True": (lambda: solve(problem(), restarts=True), "restarts must be a whole number"),
    "restarts text": (lambda: solve(problem(), restarts="3"), "restarts must be a whole number"),
    "seed of a solve negative": (lambda: solve(problem(), seed=-1), "seed must be a whole number from 0"),
    "seed of a solve too large": (lambda: solve(problem(), seed=2**63), "seed must be a whole number from 0"),
    "seed of a solve None": (lambda: solve(problem(), seed=None), "seed must be a whole number from 0"),
    "problem None": (lambda: solve(None), "problem must be a Problem, a name or a path"),
    "problem a list": (lambda: solve([]), "problem must be a Problem, a name or a path"),
    "method a number": (lambda: solve(problem(), 3), "method must be a solver or the name of one"),
    "method a class": (
        lambda: solve(problem(), LevenbergMarquardt),
        "method must be a solver or the name of one",
    ),
    "monitor text": (lambda: solve(problem(), monitor="m"), "monitor must be a function"),
    "diagnose text": (lambda: solve(problem(), diagnose="all"), 'diagnose must be "full", "quick" or None'),
    "device a number": (lambda: solve(problem(), device=3), "device must be a name"),
    "name of a problem None": (lambda: load_problem(None), "name must be a name or a path"),
    "name of a problem a number": (lambda: load_problem(3), "name must be a name or a path"),
    "name of a problem too long": (lambda: load_problem("./" + "a" * 5000), "is no path"),
    "home of nobody": (lambda: load_problem("~nobody-of-this-name/x"), "is no path"),
    "seed of measurements negative": (
        lambda: load_problem("deblurring", seed=-1),
        "seed must be a whole number",
    ),
    "monitor of a design": (
        lambda: design("nanotexture-friction", n=1, monitor="m"),
        "monitor must be a function",
    ),
}
