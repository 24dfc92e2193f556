"""Cases of operators and networks: what is made one, and every argument of every registered part."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.reliability import toy
from benchmarks.reliability.bad_input import hostile
from benchmarks.reliability.bad_input.cases import Case, Entry, Value, itself, named
from sciadv.forward import FORWARDS, BlockSum, as_forward


def part_cases() -> Iterator[Case]:
    """Give every case of this module."""
    yield from as_forward_cases()
    yield from operator_cases()
    yield from net_cases()


def as_forward_cases() -> Iterator[Case]:
    """Vary what is to be an operator, and use it."""
    matrix = toy.matrix()

    def used(**arguments: Any) -> Tensor:
        operator = as_forward(**arguments)
        y: Tensor = operator(torch.ones(2, *operator.in_shape))
        return y

    def good() -> dict[str, Any]:
        return {"obj": lambda x: x.flatten(1) @ matrix.T, "in_shape": toy.IMAGE}

    noise = torch.Generator().manual_seed(0)
    functions: dict[str, Callable[[Tensor], Any]] = {
        "nan": lambda x: x * float("nan"),
        "inf": lambda x: x + float("inf"),
        "none": lambda x: None,
        "text": lambda x: "y",
        "tuple": lambda x: (x, x),
        "list": lambda x: [x],
        "dict": lambda x: {"y": x},
        "scalar": lambda x: x.sum(),
        "one-row": lambda x: x[:1],
        "more-rows": lambda x: torch.cat([x, x]),
        "no-rows": lambda x: x[:0],
        "raises": lambda x: _raise(),
        "raises-type": lambda x: len(3),  # type: ignore[arg-type]  # what is tried
        "mixes-the-batch": lambda x: x - x.mean(0),
        "sorts-the-batch": lambda x: x.sort(0).values,
        "fresh-noise": lambda x: x + torch.rand(x.shape, generator=noise),
        "integers": lambda x: x.int(),
        "booleans": lambda x: x > 0,
        "detached": lambda x: x.detach() ** 2,
        "in-place": lambda x: x.mul_(2),
        "shape-by-value": lambda x: x[x > 0][None],
        "sparse": lambda x: x.flatten(1).to_sparse(),
        "meta": lambda x: x.to("meta"),
        "empty": lambda x: x[:, :0],
        "endless-rows": lambda x: x.expand(len(x), *x.shape[1:]).repeat(1, 1, 1, 1)[:, :, :, :0],
    }
    calls = [Value(words, partial(itself, function)) for words, function in functions.items()]
    dense = [value for value in hostile.arrays((8, 16)) if not value.accepts and value.words != "more-axes"]
    arrays = [
        v for v in dense if v.words not in {"no-batch", "wider", "complex", "complex-tensor", "sparse-tensor"}
    ]
    yield from Entry("as_forward", used, good).vary({"obj": [*hostile.THINGS, *calls]})
    yield from Entry("as_forward of a matrix", used, lambda: {"in_shape": None}).vary({"obj": arrays})
    adjoints = named(
        ("wrong-scale", lambda: lambda y: 2 * (y @ matrix).reshape(-1, *toy.IMAGE)),
        ("transposed", lambda: lambda y: (y @ matrix).reshape(-1, *toy.IMAGE).transpose(2, 3)),
        ("wrong-shape", lambda: lambda y: y),
        ("none", lambda: lambda y: None),
        ("nan", lambda: lambda y: (y @ matrix).reshape(-1, *toy.IMAGE) * float("nan")),
        ("raises", lambda: lambda y: _raise()),
        ("number", lambda: 3),
        ("text", lambda: "adjoint"),
    )
    yield from Entry("as_forward", used, good).vary(
        {
            "adjoint": adjoints,
            "in_shape": hostile.SHAPE,
            "out_shape": [value for value in hostile.SHAPE if value.words != "empty"],
            "is_linear": named(
                ("text", lambda: "yes"), ("number", lambda: 3), ("false-said", lambda: "false")
            ),
            "dtype": named(
                ("text", lambda: "float32"),
                ("numpy", lambda: np.float32),
                ("integer", lambda: torch.int32),
                ("bool", lambda: torch.bool),
                ("none", lambda: None),
                ("number", lambda: 32),
            ),
            "device": hostile.DEVICE,
        }
    )
    yield from _scipy_cases(used)


def _scipy_cases(used: Callable[..., Tensor]) -> Iterator[Case]:
    """Give operators of SciPy that do not keep its rules, and sparse matrices with indices outside."""
    from scipy import sparse
    from scipy.sparse.linalg import LinearOperator

    matrix = toy.matrix().numpy().astype(np.float64)

    def operator(**changed: Any) -> Any:
        parts = {"matvec": lambda x: matrix @ x, "rmatvec": lambda y: matrix.T @ y, "shape": matrix.shape}
        return LinearOperator(**{**parts, "dtype": np.float64, **changed})

    operators = named(
        ("wrong-adjoint", lambda: operator(rmatvec=lambda y: 2 * matrix.T @ y)),
        ("nan", lambda: operator(matvec=lambda x: matrix @ x * np.nan)),
        ("raises", lambda: operator(matvec=lambda x: _raise())),
        ("not-linear", lambda: operator(matvec=lambda x: (matrix @ x) ** 2)),
        ("wrong-length", lambda: operator(matvec=lambda x: matrix[:3] @ x)),
        ("text", lambda: operator(matvec=lambda x: "y")),
    )
    yield from Entry("as_forward of SciPy", used, lambda: {"in_shape": None}).vary({"obj": operators})

    def broken(**changed: Any) -> Any:
        made = sparse.csr_array(matrix)
        for name, value in changed.items():
            setattr(made, name, value)
        return made

    indices = sparse.csr_array(matrix).indices
    sparse_matrices = named(
        ("index-outside", lambda: broken(indices=indices + 10**6)),
        ("index-negative", lambda: broken(indices=indices - 100)),
        ("pointer-outside", lambda: broken(indptr=np.array([0, 10**6, 3, 4, 5, 6, 7, 8, 9], np.int32))),
        ("pointer-negative", lambda: broken(indptr=np.array([-5, 0, 3, 4, 5, 6, 7, 8, 9], np.int32))),
        ("data-nan", lambda: broken(data=np.full(len(indices), np.nan))),
        ("data-too-large", lambda: broken(data=np.full(len(indices), 1e300))),
        ("data-short", lambda: broken(data=np.ones(3))),
        ("no-columns", lambda: sparse.csr_array((8, 0))),
        ("no-rows", lambda: sparse.csr_array((0, 16))),
        ("data-objects", lambda: broken(data=sparse.csr_array(matrix).data.astype(object))),
    )
    yield from Entry("as_forward of a sparse matrix", used, lambda: {"in_shape": None}).vary(
        {"obj": sparse_matrices}
    )


def operator_cases() -> Iterator[Case]:
    """Try values of each kind for every argument of every registered operator."""
    mask = torch.ones(4, 4, dtype=torch.bool)
    ends = torch.tensor([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
    needed: dict[str, dict[str, Any]] = {
        "born-scattering": {"in_shape": toy.IMAGE, "n_transmitters": 2, "n_receivers": 3},
        "closure-quantities": {"in_shape": toy.IMAGE, "uv": 1e9 * torch.rand(6, 2), "stations": ends},
        "coil-sensitivities": {"in_shape": toy.IMAGE, "sensitivities": torch.ones(2, *toy.IMAGE[1:])},
        "fan-beam": {"in_shape": toy.IMAGE, "angles": torch.tensor([0.0, 1.0])},
        "gridded-fourier": {"in_shape": toy.IMAGE, "frequencies": torch.zeros(3, 2)},
        "multi-coil-fourier": {
            "in_shape": toy.IMAGE,
            "mask": mask,
            "sensitivities": torch.ones(2, *toy.IMAGE[1:]),
        },
        "navier-stokes-vorticity": {"in_shape": toy.IMAGE, "time": 0.1},
        "nonuniform-fourier": {"in_shape": toy.IMAGE, "frequencies": torch.zeros(3, 2)},
        "parallel-beam-3d": {"in_shape": (1, 2, 3, 3), "angles": torch.tensor([0.0, 1.0])},
        "transmission": {"linear": BlockSum(toy.IMAGE, 2)},
        "visibilities": {"in_shape": toy.IMAGE, "uv": torch.ones(3, 2)},
        "block-sum": {"in_shape": toy.IMAGE, "block": 2},
        "blur": {"in_shape": toy.IMAGE, "kernel": torch.ones(1, 1)},
        "coating": {"bands": [(5e-7, 7e-7, 3, 1.0)], "materials": ("SiO2", "MgF2")},
        "gaussian": {"in_shape": toy.IMAGE, "n_measurements": 3, "seed": 0},
        "gaussian-blur": {"in_shape": toy.IMAGE, "sigma": 0.5},
        "gene-circuit": {"in_shape": (62,), "behaviour": "oscillation"},
        "harmonic-texture": {"contact_modulus": 3.5e9, "nominal_pressure": 2e7, "shear_strength": 5e6},
        "magnitude": {"linear": BlockSum(toy.IMAGE, 2)},
        "mask": {"mask": torch.ones(toy.IMAGE, dtype=torch.bool)},
        "masked-fourier": {"in_shape": toy.IMAGE, "mask": mask},
        "matrix": {"matrix": toy.matrix()},
        "microstructure": {"in_shape": toy.IMAGE, "conductivities": (1.0, 2.0)},
        "parallel-beam": {"in_shape": toy.IMAGE, "angles": torch.tensor([0.0, 1.0])},
        "texture": {"contact_modulus": 3.5e9, "nominal_pressure": 2e7, "shear_strength": 5e6},
        "zero-pad": {"in_shape": toy.IMAGE, "height": 8, "width": 8},
        "acoustic-crosswell": {
            "in_shape": (1, 8, 8),
            "source_rows": (1,),
            "receiver_rows": (2,),
            "n_samples": 9,
        },
    }
    values = named(
        ("text", lambda: "no-such"),
        ("none-of-a-kind", object),
        ("nan", lambda: hostile.NAN),
        ("minus-one", lambda: -1),
        ("huge", lambda: 10**400),
        ("ragged", lambda: [[1.0], [1.0, 2.0]]),
    )
    for name, constructor in FORWARDS.items():

        def used(constructor: Any = constructor, **arguments: Any) -> Tensor:
            operator = constructor(**arguments)
            y: Tensor = operator(torch.zeros(1, *operator.in_shape, dtype=operator.dtype))
            return y

        entry = Entry(name, used, partial(dict, needed.get(name, {})))
        tables = dict.fromkeys(inspect.signature(constructor).parameters, values)
        for argument in {"angles", "transmitter_angles", "receiver_angles", "tilt", "forcing"} & set(tables):
            # one angle of -1, or a forcing the other way, is right
            tables[argument] = [value for value in values if value.words != "minus-one"]
        yield from entry.vary(tables)


def net_cases() -> Iterator[Case]:
    """Try settings that no network has."""
    from sciadv.nets import NETS, build_net

    values = named(
        ("text", lambda: "no-such"),
        ("nan", lambda: hostile.NAN),
        ("minus-one", lambda: -1),
        ("zero", lambda: 0),
        ("huge", lambda: 10**400),
        ("object", object),
    )
    needed: dict[str, Any] = {
        "design-decoder": {"n_latent": 3, "lower": [1.0], "upper": [2.0], "targets": [[1.0, 2.0]]}
    }
    for kind, net in NETS.items():

        def built(kind: str = kind, **settings: Any) -> object:
            return build_net({"kind": kind, **settings})

        entry = Entry(f"net {kind}", built, partial(dict, needed.get(kind, {})))
        tables = dict.fromkeys(inspect.signature(net).parameters, values)
        if "n_classes" in tables and kind != "conv-classifier":  # 0 is the default: none
            tables["n_classes"] = [value for value in values if value.words != "zero"]
        yield from entry.vary(tables)


def _raise() -> Any:
    raise RuntimeError("the caller's own function failed")
