"""One small operator of every kind, and of every way to make one of others."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sciadv.forward import (
    BlockSum,
    Blur,
    BornScattering,
    ClosureQuantities,
    CoilSensitivities,
    CrossholeTravelTime,
    FaciesSlowness,
    FanBeam,
    Forward,
    GaussianBlur,
    GaussianSensing,
    GeneCircuit,
    Magnitude,
    Mask,
    MaskedFourier,
    Matrix,
    MultiCoilFourier,
    NavierStokesVorticity,
    NonuniformFourier,
    ParallelBeam,
    ParallelBeam3D,
    Transmission,
    Visibilities,
    ZeroPad,
    birdcage_sensitivities,
    stack,
)
from sciadv.forward.base import Scaling

SHAPE = (1, 6, 8)


def mask(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) > 0.5


def matrix(m: int, n: int, *, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(m, n, generator=torch.Generator().manual_seed(1), dtype=dtype)


def kernel(rows: int, columns: int) -> torch.Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(2))


def crosshole(**settings: object) -> CrossholeTravelTime:
    return CrossholeTravelTime(
        (1, 6, 8),
        sources=[[0.01, 0.1], [0.0, 0.35]],
        receivers=[[0.79, 0.2], [0.8, 0.6], [0.4, 0.0]],
        **settings,
    )


#: name in tests -> (kind in the registry or None, constructor)
OPERATORS: dict[str, tuple[str | None, Callable[[], Forward]]] = {
    "matrix": ("matrix", lambda: Matrix(matrix(5, 48), SHAPE)),
    "matrix-complex": ("matrix", lambda: Matrix(matrix(5, 48, dtype=torch.complex64), SHAPE)),
    "matrix-complex-candidates": ("matrix", lambda: Matrix(matrix(5, 48), SHAPE, dtype=torch.complex64)),
    "matrix-sparse": ("matrix", lambda: Matrix(sp.random(9, 48, 0.3, rng=0), SHAPE, out_shape=(3, 3))),
    "matrix-sparse-complex": (
        "matrix",
        lambda: Matrix(sp.random(9, 48, 0.3, rng=0) * (1 + 2j), SHAPE, dtype=torch.complex64),
    ),
    "matrix-sparse-complex-data": ("matrix", lambda: Matrix(sp.random(9, 48, 0.3, rng=0) * (1 + 2j), SHAPE)),
    "gaussian": ("gaussian", lambda: GaussianSensing(SHAPE, 10, seed=3)),
    "mask": ("mask", lambda: Mask(mask((2, 6, 8)))),
    "block-sum": ("block-sum", lambda: BlockSum((2, 6, 8), 2)),
    "block-mean": ("block-sum", lambda: BlockSum((2, 6, 8), 2, reduce="mean")),
    "blur-circular": ("blur", lambda: Blur((2, 6, 8), kernel(3, 4))),
    "blur-circular-wide": ("blur", lambda: Blur((1, 4, 5), kernel(9, 6))),
    "blur-zero": ("blur", lambda: Blur((2, 6, 8), kernel(4, 3), boundary="zero")),
    "blur-reflect": ("blur", lambda: Blur((2, 6, 8), kernel(5, 2), boundary="reflect")),
    "blur-replicate": ("blur", lambda: Blur((2, 6, 8), kernel(5, 4), boundary="replicate")),
    "gaussian-blur": ("gaussian-blur", lambda: GaussianBlur((1, 9, 8), 0.7)),
    "gene-circuit": ("gene-circuit", lambda: GeneCircuit((7, 2, 2), "stability", n_sets=3, spread=0.1)),
    "masked-fourier": ("masked-fourier", lambda: MaskedFourier((2, 6, 7), mask((6, 7)))),
    "masked-fourier-corner": (
        "masked-fourier",
        lambda: MaskedFourier((1, 6, 7), np.arange(7) % 2 == 0, is_centred=False),
    ),
    "masked-fourier-complex": (
        "masked-fourier",
        lambda: MaskedFourier((1, 5, 8), mask((5, 8)), dtype=torch.complex64),
    ),
    "blur-signal": ("blur", lambda: Blur((2, 9), kernel(1, 4)[0], boundary="reflect")),
    "blur-volume": ("blur", lambda: Blur((1, 4, 5, 3), mask((2, 3, 2)).float(), boundary="zero")),
    "blur-complex": ("blur", lambda: Blur((1, 6, 5), kernel(3, 2), dtype=torch.complex64)),
    "gaussian-blur-volume": ("gaussian-blur", lambda: GaussianBlur((2, 4, 5, 6), 0.5, boundary="reflect")),
    "masked-fourier-signal": ("masked-fourier", lambda: MaskedFourier((2, 9), mask((9,)))),
    "masked-fourier-volume": ("masked-fourier", lambda: MaskedFourier((1, 4, 3, 5), mask((3, 1)))),
    "coil-sensitivities": (
        "coil-sensitivities",
        lambda: CoilSensitivities((2, 4, 5), birdcage_sensitivities((4, 5), 3)),
    ),
    "multi-coil": (
        "multi-coil-fourier",
        lambda: MultiCoilFourier((1, 6, 7), mask((6, 7)), birdcage_sensitivities((6, 7), 3)),
    ),
    "multi-coil-complex-volume": (
        "multi-coil-fourier",
        lambda: MultiCoilFourier(
            (1, 3, 4, 5), mask((4, 5)), birdcage_sensitivities((3, 4, 5), 9), dtype=torch.complex64
        ),
    ),
    "multi-coil-two-parts": (
        "multi-coil-fourier",
        lambda: MultiCoilFourier((2, 6, 5), mask((5,)), birdcage_sensitivities((6, 5), 2), is_centred=False),
    ),
    "nonuniform-fourier": (
        "nonuniform-fourier",
        lambda: NonuniformFourier((2, 5, 6), matrix(7, 2) / 6, chunk_bytes=1000),
    ),
    "nonuniform-fourier-complex": (
        "nonuniform-fourier",
        lambda: NonuniformFourier((1, 2, 4, 3), matrix(7, 3) / 6, dtype=torch.complex64),
    ),
    "visibilities": ("visibilities", lambda: Visibilities((1, 5, 6), 2e9 * matrix(4, 2))),
    "closure-quantities": (
        "closure-quantities",
        lambda: ClosureQuantities(
            (1, 5, 5),
            2e9 * matrix(6, 2),
            torch.tensor([[0, 1], [2, 0], [0, 3], [1, 2], [1, 3], [2, 3]]),
            measured_phases=torch.tensor([1.0, 0.0, -2.0]),
        ),
    ),
    "born-scattering": (
        "born-scattering",
        lambda: BornScattering((1, 5, 6), n_transmitters=2, n_receivers=3),
    ),
    "navier-stokes-vorticity": (
        "navier-stokes-vorticity",
        lambda: NavierStokesVorticity((1, 6, 6), strength=3.0, time=0.2, every=3),
    ),
    "parallel-beam": ("parallel-beam", lambda: ParallelBeam((2, 6, 7), [0.0, 17.0, 45.0, 90.0, 200.0])),
    "parallel-beam-few": ("parallel-beam", lambda: ParallelBeam(SHAPE, [30.0, -80.0], 4, pixel_size=0.3)),
    "fan-beam": ("fan-beam", lambda: FanBeam((2, 6, 5), [0.0, 30.0, 45.0, 260.0])),
    "parallel-beam-3d": ("parallel-beam-3d", lambda: ParallelBeam3D((2, 3, 4, 5), [0.0, 30.0, 100.0])),
    "parallel-beam-3d-tilted": (
        "parallel-beam-3d",
        lambda: ParallelBeam3D((1, 3, 4, 5), [10.0, 70.0], tilt=50.0, n_rows=4, n_columns=3, pixel_size=0.2),
    ),
    "transmission": (
        "transmission",
        lambda: Transmission(ParallelBeam(SHAPE, n_angles=3, pixel_size=0.1), incident=5.0),
    ),
    "crosshole": ("crosshole", crosshole),
    "crosshole-columns": ("crosshole", lambda: crosshole(cell_order="F")),
    "facies-slowness": ("facies-slowness", lambda: FaciesSlowness((1, 5, 4))),
    "magnitude": ("magnitude", lambda: Magnitude(MaskedFourier((1, 6, 7), mask((6, 7))))),
    "zero-pad": ("zero-pad", lambda: ZeroPad((2, 3, 4), 8, 7)),
    "scaling": (None, lambda: Scaling((2, 3), -1.5)),
    "scaled": (None, lambda: 2.5 * MaskedFourier((1, 6, 7), mask((6, 7)))),
    "composition": (None, lambda: Mask(mask((1, 3, 4))) @ BlockSum(SHAPE, 2)),
    "chain": (None, lambda: crosshole() @ FaciesSlowness(SHAPE)),
    "chain-chain": (None, lambda: 0.1 * (FaciesSlowness(SHAPE) @ Blur(SHAPE, torch.ones(1, 2) / 4))),
    "stack": (None, lambda: stack([BlockSum(SHAPE, 2), Mask(mask(SHAPE))])),
    "stack-nonlinear": (None, lambda: stack([FaciesSlowness(SHAPE), Mask(mask(SHAPE))])),
    "stack-complex": (
        None,
        lambda: stack([MaskedFourier(SHAPE, mask((6, 8), seed=s), is_centred=bool(s)) for s in range(2)]),
    ),
}


@pytest.fixture(params=OPERATORS)
def operator(request: pytest.FixtureRequest) -> Forward:
    return OPERATORS[request.param][1]()


@pytest.fixture(scope="session")
def covered_kinds() -> set[str]:
    return {kind for kind, _ in OPERATORS.values() if kind}


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
