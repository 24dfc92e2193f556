"""Values of operators and what functions that are used as operators do."""

import numpy as np
import torch
from scipy.sparse import csr_array

from boundary_cases.small_objects import NAN, Of, Refused, Taken, fails, problem
from sciadv import Prior
from sciadv.forward import Blur, Matrix, ParallelBeam, as_forward

TAKEN: Taken = {
    "a matrix of lists": lambda: Matrix([[1.0, 2.0]]),
    "big-endian kernels": lambda: Blur((1, 4, 4), np.ones((3, 3), ">f4")),
}

REFUSED: Refused = {
    "operator gives NaN": (lambda: as_forward(lambda x: (x - 2).log(), (1, 4, 6)), "gives NaN or Inf"),
    "operator gives NaN for a draw": (
        lambda: problem(
            forward=as_forward(lambda x: 1 / (1 + x).sqrt(), (1, 4, 6)),
            measurements=torch.zeros(2, 1, 4, 6),
            prior=Prior(Of(lambda x: x - 9), 4),
        ),
        "the operator gives NaN or Inf for a candidate",
    ),
    "operator fails": (lambda: as_forward(fails, (1, 4, 6)), ".*ZeroDivisionError"),
    "matrix a number": (lambda: Matrix(3.0), "a matrix has shape"),
    "matrix beyond float32": (lambda: Matrix(np.full((2, 4), 1e300)), "the matrix's entries reach 1e\\+300"),
    "sparse matrix beyond float32": (
        lambda: Matrix(csr_array(np.full((2, 4), 1e300))),
        "the matrix's entries reach 1e\\+300",
    ),
    "kernel beyond float32": (lambda: Blur((1, 4, 4), np.full((2, 2), 1e300)), "the kernel's numbers reach"),
    "kernel complex": (lambda: Blur((1, 4, 4), np.full((2, 2), 1j)), "a kernel is a finite real array"),
}
REFUSED |= {
    f"adjoint gives {what}": (
        lambda adjoint=adjoint: as_forward(lambda x: x.flatten(1), (1, 4, 6), adjoint=adjoint),
        "the adjoint of function",
    )
    for what, adjoint in {
        "another shape": lambda y: y,
        "nothing": lambda y: None,
        "integers": lambda y: y.reshape(-1, 1, 4, 6).long(),
        "a failure": fails,
    }.items()
}
REFUSED |= {
    f"angles {angles!r}": (lambda angles=angles: ParallelBeam((1, 4, 4), angles), "angles")
    for angles in ("text", ["0"], b"0", [True], [1j], [NAN], [[0.0]], [], {}, torch.eye(2).to_sparse())
}
REFUSED |= {
    f"operator gives {what}": (
        lambda change=change: as_forward(change, (1, 4, 6)),
        "function .*gives .*predictions are dense floating-point numbers",
    )
    for what, change in {
        "integers": lambda x: x.long(),
        "rounded integers": lambda x: (10 * x).round().int(),
        "truth values": lambda x: x > 0,
        "sparse tensors": lambda x: x.flatten(1).to_sparse(),
        "no values": lambda x: x.to("meta"),
        "an array of integers": lambda x: np.asarray(x).astype(int),
        "an array of texts": lambda x: np.asarray(x).astype(str),
    }.items()
}
