"""Values of likelihoods, constraints and problems."""

import numpy as np
import torch

from boundary_cases.small_objects import INF, MATRIX, NAN, Refused, Taken, Y, problem
from sciadv import Constraint, Gaussian, Poisson, StudentT, Tolerance
from sciadv.forward import Matrix

TAKEN: Taken = {
    "sigma is a NumPy number": lambda: Gaussian(np.float32(0.1)),
    "sigma is a torch number": lambda: Gaussian(torch.tensor(0.1)),
    "sigma is an array": lambda: problem(likelihood=Gaussian(np.full(12, 0.1))),
    "sigma is a list": lambda: problem(likelihood=StudentT([0.1] * 12)),
    "sigma is an integer": lambda: Gaussian(1),
    "measurements are a list": lambda: problem(measurements=Y.tolist()),
    "measurements are big-endian": lambda: problem(measurements=Y.numpy().astype(">f8")),
    "latent_weight is a NumPy number": lambda: problem(latent_weight=np.int64(2)),
    "truth is an array": lambda: problem(truth=np.zeros((2, 1, 4, 6))),
    "labels are an array": lambda: problem(labels=np.array([1, 2])),
    "an index is an array": lambda: problem().subset(np.array([0])),
    "at_most is a NumPy number": lambda: Constraint("c", Matrix(MATRIX, (1, 4, 6)), np.float32(1)),
}

REFUSED: Refused = {
    "sigma True": (lambda: Gaussian(True), "sigma must be a finite number > 0"),
    "sigma NaN": (lambda: Gaussian(NAN), "sigma must be a finite number > 0"),
    "sigma inf": (lambda: Gaussian(INF), "sigma must be a finite number > 0"),
    "sigma text": (lambda: Gaussian("0.1"), "sigma must be a finite number > 0"),
    "sigma dict": (lambda: Gaussian({}), "sigma must be a finite number > 0"),
    "sigma complex": (lambda: Gaussian(1j), "sigma must be a finite number > 0"),
    "sigma of no values": (lambda: Gaussian(torch.zeros(0)), "sigma must be finite numbers > 0"),
    "sigma of booleans": (lambda: Gaussian([True, True]), "sigma must be finite numbers > 0"),
    "sigma with a NaN": (lambda: Gaussian([0.1, NAN]), "sigma must be finite numbers > 0"),
    "sigma of texts": (lambda: Gaussian(["a"]), "sigma must be an array of numbers"),
    "Student's sigma 0": (lambda: StudentT(0), "sigma must be a finite number > 0"),
    "freedom text": (lambda: StudentT(1.0, freedom="4"), "freedom must be a finite number > 0"),
    "background NaN": (lambda: Poisson(NAN), "background must be a finite number >= 0"),
    "background True": (lambda: Poisson(True), "background must be a finite number >= 0"),
    "floor 0": (lambda: Poisson(floor=0), "floor must be a finite number > 0"),
    "softness 2": (lambda: Tolerance(1.0, softness=2), "softness must be a finite number > 0 and <= 1"),
    "is_relative text": (lambda: Tolerance(1.0, is_relative="no"), "is_relative must be True or False"),
    "sigma too long": (lambda: problem(likelihood=Gaussian(torch.ones(13))), "sigma has shape"),
    "sigma a row per measurement": (
        lambda: problem(likelihood=Gaussian(torch.ones(2, 12))),
        "sigma has shape",
    ),
    "Student's sigma too long": (lambda: problem(likelihood=StudentT(torch.ones(13))), "sigma has shape"),
    "width too long": (lambda: problem(likelihood=Tolerance(torch.ones(13))), "width has shape"),
    "negative counts": (
        lambda: problem(likelihood=Poisson(), measurements=Y - 1),
        "Poisson noise gives counts",
    ),
    "latent_weight inf": (lambda: problem(latent_weight=INF), "latent_weight must be a finite number >= 0"),
    "latent_weight NaN": (lambda: problem(latent_weight=NAN), "latent_weight must be a finite number >= 0"),
    "latent_weight True": (lambda: problem(latent_weight=True), "latent_weight must be a finite number"),
    "prior None": (lambda: problem(prior=None), "prior must be a Prior, but it is None"),
    "likelihood 0.1": (lambda: problem(likelihood=0.1), "likelihood must be a Likelihood"),
    "name None": (lambda: problem(name=None), "name must be text"),
    "constraints text": (lambda: problem(constraints="ink"), "constraints must be a list of Constraint"),
    "constraints of text": (lambda: problem(constraints=["ink"]), "each of constraints must be a Constraint"),
    "constraints None": (lambda: problem(constraints=None), "constraints must be a list of Constraint"),
    "solver text": (lambda: problem(solver="auto"), "solver must be SolverSettings"),
    "measurements None": (lambda: problem(measurements=None), "measurements must be an array of numbers"),
    "measurements masked": (
        lambda: problem(measurements=np.ma.masked_less(Y.numpy(), 1)),
        "measurements must be an array",
    ),
    "measurements beyond float32": (
        lambda: problem(measurements=np.full((2, 12), 1e300)),
        "measurements reach 1e\\+300, more than torch.float32",
    ),
    "truth of another shape": (lambda: problem(truth=torch.zeros(2, 4, 6)), "truth has shape"),
    "truth NaN": (lambda: problem(truth=torch.full((2, 1, 4, 6), NAN)), "truth hold 48 NaN or Inf"),
    "truth beyond float32": (
        lambda: problem(truth=np.full((2, 1, 4, 6), 1e300)),
        "truth reach 1e\\+300, more than torch.float32",
    ),
    "truth text": (lambda: problem(truth="x"), "truth must be an array of numbers"),
    "labels of two axes": (lambda: problem(labels=torch.zeros(2, 2)), "labels must be one number each"),
    "labels text": (lambda: problem(labels=["a", "b"]), "labels must be an array of numbers"),
    "index out of range": (lambda: problem().subset([2]), "index must be a slice"),
    "index text": (lambda: problem().subset("0"), "index must be a slice"),
    "index of halves": (lambda: problem().subset([0.5]), "index must be a slice"),
    "index of nothing": (lambda: problem().subset(slice(5, 9)), "index must be a slice"),
    "at_most text": (
        lambda: Constraint("c", Matrix(MATRIX, (1, 4, 6)), "1"),
        "at_most of constraint 'c' must be",
    ),
    "scale 0": (
        lambda: Constraint("c", Matrix(MATRIX, (1, 4, 6)), 1.0, scale=0),
        "scale of constraint 'c' must be",
    ),
    "forward of a constraint None": (lambda: Constraint("c", None, 1.0), "forward of constraint 'c' must be"),
}
