"""Wrap every physics of deepinv, check it by `check_forward`, and write the table of docs/interop.md.

    python -m benchmarks.interop.deepinv_table

It needs deepinv; a physics that needs more than that is refused with what it says.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sciadv.errors import SciadvError
from sciadv.files.writing import write_file
from sciadv.forward import Forward, as_forward
from sciadv.testing import check_forward

DOCUMENT = Path(__file__).parents[2] / "docs" / "interop.md"
BEGIN, END = "<!-- table: deepinv -->", "<!-- /table -->"
PASSES, REFUSED, FAILS = "passes", "refused", "fails"


@dataclass(frozen=True)
class Case:
    """How a physics is built for the table.

    Parameters
    ----------
    make
        From the module `deepinv.physics` to an object.
    in_shape
        Of the candidates.
    dtype
        Of the candidates.
    """

    make: Callable[[Any], Any]
    in_shape: tuple[int, ...] = (1, 8, 8)
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class Outcome:
    """What became of a physics.

    Parameters
    ----------
    name
        Its class.
    result
        One of `PASSES`, `REFUSED`, `FAILS`.
    words
        Shapes of candidates and measurements, or why not.
    """

    name: str
    result: str
    words: str


def _kernel() -> Tensor:
    return torch.ones(1, 1, 3, 3) / 9


def _mask(*shape: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(0)) > 0.4).float()


def _maps() -> Tensor:
    return torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.complex64)


def _circle(n: int) -> Tensor:
    angle = 2 * torch.pi * torch.arange(n) / n
    return torch.stack([torch.cos(angle), torch.sin(angle)])


def _blur(p: Any) -> Any:
    return p.Blur(filter=_kernel(), padding="circular")


def _scattering(p: Any) -> Any:
    return p.Scattering(
        img_width=8,
        receivers=_circle(6)[:, None].expand(-1, 4, -1),
        transmitters=_circle(4),
        background_wavenumber=5.0,
    )


#: Every class that is no base of others alone, with the least arguments that it takes.
CASES: dict[str, Case] = {
    "Blur": Case(lambda p: p.Blur(filter=_kernel())),
    "BlurFFT": Case(lambda p: p.BlurFFT(img_size=(1, 8, 8), filter=_kernel())),
    "BlurFFTMultiScaler": Case(lambda p: p.BlurFFTMultiScaler(p.BlurFFT((1, 8, 8), _kernel()), (1, 8, 8))),
    "BlurMultiScaler": Case(lambda p: p.BlurMultiScaler(_blur(p), (1, 8, 8))),
    "ComposedLinearPhysics": Case(lambda p: p.ComposedLinearPhysics(_blur(p), p.Inpainting((1, 8, 8), 0.5))),
    "ComposedPhysics": Case(lambda p: p.ComposedPhysics(p.Physics(A=torch.square), p.Physics(A=torch.sin))),
    "CompressedSensing": Case(lambda p: p.CompressedSensing(20, (1, 8, 8))),
    "CompressiveSpectralImaging": Case(lambda p: p.CompressiveSpectralImaging((5, 8, 8)), (5, 8, 8)),
    "Decolorize": Case(lambda p: p.Decolorize(), (3, 8, 8)),
    "DecomposablePhysics": Case(lambda p: p.DecomposablePhysics(img_size=(1, 8, 8))),
    "Demosaicing": Case(lambda p: p.Demosaicing((3, 8, 8)), (3, 8, 8)),
    "Denoising": Case(lambda p: p.Denoising()),
    "Downsampling": Case(lambda p: p.Downsampling((1, 8, 8), filter="gaussian")),
    "DownsamplingMatlab": Case(lambda p: p.DownsamplingMatlab()),
    "DynamicMRI": Case(lambda p: p.DynamicMRI(_mask(1, 1, 3, 8, 8), img_size=(2, 3, 8, 8)), (2, 3, 8, 8)),
    "Haze": Case(lambda p: p.Haze(), (3, 8, 8)),
    "HyperSpectralUnmixing": Case(lambda p: p.HyperSpectralUnmixing(), (15, 8, 8)),
    "Inpainting": Case(lambda p: p.Inpainting((1, 8, 8), mask=0.5)),
    "InpaintingMultiScaler": Case(
        lambda p: p.InpaintingMultiScaler(p.Inpainting((1, 32, 32), mask=0.5), (1, 32, 32)), (1, 32, 32)
    ),
    "LinearPhysics": Case(lambda p: p.LinearPhysics(img_size=(1, 8, 8))),
    "LinearPhysicsMultiScaler": Case(lambda p: p.LinearPhysicsMultiScaler(_blur(p), (1, 8, 8))),
    "MRI": Case(lambda p: p.MRI(_mask(1, 1, 8, 8), img_size=(2, 8, 8)), (2, 8, 8)),
    "MultiCoilMRI": Case(
        lambda p: p.MultiCoilMRI(_mask(1, 1, 8, 8), coil_maps=_maps(), img_size=(2, 8, 8)), (2, 8, 8)
    ),
    "NonCartesianMRI": Case(
        lambda p: p.NonCartesianMRI((8, 8), num_shots=3, num_samples_per_shot=9), (2, 8, 8)
    ),
    "PET": Case(lambda p: p.PET((1, 8, 8, 8)), (1, 8, 8, 8)),
    "Pansharpen": Case(lambda p: p.Pansharpen((3, 8, 8)), (3, 8, 8)),
    "PhaseRetrieval": Case(
        lambda p: p.PhaseRetrieval(p.CompressedSensing(40, (1, 8, 8), dtype=torch.complex64)),
        dtype=torch.complex64,
    ),
    "Physics": Case(lambda p: p.Physics()),
    "PhysicsCropper": Case(lambda p: p.PhysicsCropper(_blur(p), (2, 2)), (1, 10, 10)),
    "PhysicsMultiScaler": Case(lambda p: p.PhysicsMultiScaler(_blur(p), (1, 8, 8))),
    "Ptychography": Case(lambda p: p.Ptychography((1, 32, 32)), (1, 32, 32), torch.complex64),
    "PtychographyLinearOperator": Case(
        lambda p: p.PtychographyLinearOperator((1, 32, 32)), (1, 32, 32), torch.complex64
    ),
    "RadioInterferometry": Case(lambda p: p.RadioInterferometry((8, 8), torch.rand(2, 12) * 6 - 3)),
    "RandomPhaseRetrieval": Case(lambda p: p.RandomPhaseRetrieval(40, (1, 8, 8)), dtype=torch.complex64),
    "Scattering": Case(_scattering, dtype=torch.complex128),
    "SequentialMRI": Case(lambda p: p.SequentialMRI(_mask(1, 1, 3, 8, 8), img_size=(2, 8, 8)), (2, 8, 8)),
    "SinglePhotonLidar": Case(lambda p: p.SinglePhotonLidar(), (3, 4, 4)),
    "SinglePixelCamera": Case(lambda p: p.SinglePixelCamera(20, (1, 8, 8))),
    "SpaceVaryingBlur": Case(
        lambda p: p.SpaceVaryingBlur(torch.ones(1, 1, 2, 3, 3) / 9, torch.ones(1, 1, 2, 8, 8) / 2)
    ),
    "SpatialUnwrapping": Case(lambda p: p.SpatialUnwrapping()),
    "StackedLinearPhysics": Case(lambda p: p.StackedLinearPhysics([_blur(p), p.Inpainting((1, 8, 8), 0.5)])),
    "StackedPhysics": Case(lambda p: p.StackedPhysics([p.Physics(A=torch.square), p.Physics(A=torch.sin)])),
    "StructuredRandom": Case(lambda p: p.StructuredRandom((1, 8, 8), (1, 8, 8))),
    "StructuredRandomPhaseRetrieval": Case(
        lambda p: p.StructuredRandomPhaseRetrieval((1, 8, 8), (1, 8, 8), n_layers=2), dtype=torch.complex64
    ),
    "TiledSpaceVaryingBlur": Case(
        lambda p: p.TiledSpaceVaryingBlur(torch.ones(1, 1, 9, 3, 3) / 9, patch_size=8, stride=4), (1, 16, 16)
    ),
    "Tomography": Case(lambda p: p.Tomography(10, 8)),
    "TomographyWithAstra": Case(lambda p: p.TomographyWithAstra((8, 8), 10)),
    "UltrasoundPlaneWave": Case(
        lambda p: p.UltrasoundPlaneWave(
            (8, 8),
            [0.0, 0.1],
            torch.linspace(-4e-3, 4e-3, 6)[:, None] * torch.tensor([1.0, 0.0]),
            60,
            20e6,
            pixel_size=(1e-3, 1e-3),
        )
    ),
    "Upsampling": Case(lambda p: p.Upsampling((1, 16, 16), filter="gaussian")),
}


def physics_classes(module: Any) -> Iterator[str]:
    """Yield the names of all physics of `deepinv.physics`, sorted."""
    for name in sorted(dir(module)):
        found = getattr(module, name)
        if inspect.isclass(found) and issubclass(found, module.Physics):
            yield name


def judge(name: str, module: Any) -> Outcome:
    """Build a physics, wrap it and check it."""
    case = CASES.get(name)
    if case is None:
        return Outcome(name, REFUSED, "made by other physics, never by a user")
    try:
        torch.manual_seed(0)  # several draw from torch's own generator
        physics = case.make(module)
    except Exception as error:  # noqa: BLE001  # whatever a library raises, its words are what is told
        return Outcome(name, REFUSED, f"deepinv cannot build it: {_first_line(error)}")
    try:
        wrapped = as_forward(physics, case.in_shape, dtype=case.dtype)
    except SciadvError as error:
        return Outcome(name, REFUSED, _first_line(error))
    try:
        check_forward(wrapped, has_double=False)
    except Exception as error:  # noqa: BLE001  # as above
        return Outcome(name, FAILS, f"{type(error).__name__}: {_first_line(error)}")
    return Outcome(name, PASSES, _shapes(wrapped))


def _shapes(wrapped: Forward) -> str:
    kind = "linear" if wrapped.is_linear else "nonlinear"
    return f"{kind}, {wrapped.in_shape} to {wrapped.out_shape}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as a table."""
    rows = [f"| `{one.name}` | {one.result} | {one.words.replace('|', '/')} |" for one in outcomes]
    return "\n".join(["| physics | | shapes of the case, or why not |", "|---|---|---|", *rows])


def outcomes_of(module: Any) -> list[Outcome]:
    """Judge every physics."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [judge(name, module) for name in physics_classes(module)]


def main() -> None:
    """Write the table into the document."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import deepinv
        import deepinv.physics as module
    outcomes = outcomes_of(module)
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    passed = sum(one.result == PASSES for one in outcomes)
    head = f"deepinv {deepinv.__version__}: {passed} of {len(outcomes)} pass, the others are refused."
    write_file(DOCUMENT, f"{before}{BEGIN}\n\n{head}\n\n{table(outcomes)}\n\n{END}{after}")
    failing = [one for one in outcomes if one.result == FAILS]
    sys.exit("\n".join(f"{one.name}: {one.words}" for one in failing) or 0)


if __name__ == "__main__":
    main()
