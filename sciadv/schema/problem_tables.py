"""What a ``problem.toml`` may say."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sciadv.forward import FORWARDS, inner_argument
from sciadv.likelihood import LIKELIHOODS
from sciadv.schema.parts import OneOf, Part, PartTable, PartTables, by_kind
from sciadv.schema.tables import OneLine, Table
from sciadv.types import Count, Seed


def _accepts_candidate(kind: str) -> bool:
    """Say whether a forward takes the candidate; one of another operator stands in a chain, after others."""
    return kind not in FORWARDS.own or inner_argument(FORWARDS[kind]) is None


def _given(part: Part) -> tuple[str, ...]:
    inner = inner_argument(part)
    return ("in_shape", "dtype", "device") if inner is None else ("in_shape", "dtype", "device", inner)


class ChainForward(Table):
    """Operators one after another; the first takes the candidate."""

    kind: Literal["chain"]
    parts: Annotated[
        tuple[Annotated[PartTable, OneOf(PartTables(FORWARDS, given=_given))], ...],
        Field(strict=False, min_length=1),
    ]

    @model_validator(mode="after")
    def _first_takes_the_candidate(self) -> ChainForward:
        kind = self.parts[0].kind
        if not _accepts_candidate(kind):
            raise ValueError(f"a {kind} is of the parts before it, so it cannot be the first")
        return self


ForwardSpec = Annotated[
    PartTable | ChainForward,
    OneOf(PartTables(FORWARDS, given=_given, accepts=_accepts_candidate), by_kind(ChainForward)),
]
LikelihoodSpec = Annotated[PartTable, OneOf(PartTables(LIKELIHOODS, given=lambda _: ()))]


class DigitsMeasurements(Table):
    """The UCI handwritten digits of scikit-learn: 8 x 8 counts of 0 to 16, with labels."""

    kind: Literal["sklearn-digits"]


class FileMeasurements(Table):
    """A ``.npy`` file, or the array `key` ("y") of a ``.npz`` file, which may hold truth and labels."""

    kind: Literal["file"]
    path: str
    key: str | None = None
    truth: str | None = None
    labels: str | None = None


class SimulatedMeasurements(Table):
    """Predictions of known images with the likelihood's noise.

    `images` is the name of a data set, ``prior`` for draws from the prior, or ``held-out`` for the test
    images that lie in the folder of a prior of the user's own images.
    """

    kind: Literal["simulated"]
    images: str
    split: Literal["train", "test"] = "test"
    prepare: str = "none"
    n: Count
    seed: Seed | None = None


class TargetMeasurements(Table):
    """Values that a design's properties should have; one list a property, all of one length."""

    kind: Literal["target"]
    values: dict[str, Annotated[list[float], Field(min_length=1)]]


class ConstraintTable(Table):
    """`sciadv.Constraint` on a property of the problem's forward, in that property's unit."""

    name: OneLine
    property: str
    at_most: float


class SolverTable(Table):
    """The problem's own solver, which `solve` takes if it is given none."""

    kind: str = "auto"
    restarts: Count | None = None


class Bar(Table):
    """What a bench must reach: ``<metric of row> <op> <bound>``; `bench` says which of several."""

    name: OneLine
    bench: str | None = None
    metric: str
    row: str
    op: Literal[">=", "<=", ">", "<"]
    bound: float


class BenchTable(Table):
    """The bars of a problem's bench."""

    bars: Annotated[tuple[Bar, ...], Field(strict=False)] = ()


class ProblemSpec(Table):
    """A ``problem.toml``."""

    file_name: ClassVar[str] = "problem.toml"

    title: OneLine
    prior: str
    latent_weight: Annotated[float, Field(ge=0)] = 1.0
    experimental: bool = False
    forward: ForwardSpec
    likelihood: LikelihoodSpec
    measurements: Annotated[
        DigitsMeasurements | FileMeasurements | SimulatedMeasurements | TargetMeasurements,
        OneOf(by_kind(DigitsMeasurements, FileMeasurements, SimulatedMeasurements, TargetMeasurements)),
    ]
    constraints: Annotated[tuple[ConstraintTable, ...], Field(strict=False)] = ()
    solver: SolverTable = SolverTable()
    bench: BenchTable = BenchTable()
