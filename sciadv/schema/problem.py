"""What a ``problem.toml`` may say."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from sciadv.schema.tables import Count, NotNegative, Numbers, OneLine, Positive, Seed, Table


class MatrixForward(Table):
    """`sciadv.forward.Matrix`; a ``.npz`` of `scipy.sparse.save_npz` stays sparse."""

    kind: Literal["matrix"]
    matrix: Numbers
    out_shape: Annotated[tuple[Count, ...], Field(strict=False)] | None = None


class GaussianForward(Table):
    """`sciadv.forward.GaussianSensing`."""

    kind: Literal["gaussian"]
    n_measurements: Count
    seed: Seed
    scale: Positive | None = None


class MaskForward(Table):
    """`sciadv.forward.Mask`."""

    kind: Literal["mask"]
    mask: Numbers


class BlockSumForward(Table):
    """`sciadv.forward.BlockSum`."""

    kind: Literal["block-sum"]
    block: Count
    reduce: Literal["sum", "mean"] | None = None


class BlurForward(Table):
    """`sciadv.forward.Blur`."""

    kind: Literal["blur"]
    kernel: Numbers
    boundary: Literal["circular", "zero", "reflect", "replicate"] | None = None


class GaussianBlurForward(Table):
    """`sciadv.forward.GaussianBlur`."""

    kind: Literal["gaussian-blur"]
    sigma: Positive
    radius: Annotated[int, Field(ge=0)] | None = None
    boundary: Literal["circular", "zero", "reflect", "replicate"] | None = None


class MaskedFourierForward(Table):
    """`sciadv.forward.MaskedFourier`."""

    kind: Literal["masked-fourier"]
    mask: Numbers
    is_centred: bool | None = None


class MagnitudeForward(Table):
    """`sciadv.forward.Magnitude` of the parts of a chain before it."""

    kind: Literal["magnitude"]


class ZeroPadForward(Table):
    """`sciadv.forward.ZeroPad`."""

    kind: Literal["zero-pad"]
    height: Count
    width: Count


class ParallelBeamForward(Table):
    """`sciadv.forward.ParallelBeam`; `n_angles` spreads that many evenly over 180 degrees."""

    kind: Literal["parallel-beam"]
    angles: Numbers | None = None
    n_angles: Count | None = None
    n_detectors: Count | None = None
    pixel_size: Positive | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> ParallelBeamForward:
        if (self.angles is None) == (self.n_angles is None):
            raise ValueError("give either angles [degrees] or n_angles (spread evenly over 180 degrees)")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings with the angles spelled out."""
        settings = super().settings()
        n_angles = settings.pop("n_angles", None)
        return (
            settings
            if n_angles is None
            else {**settings, "angles": [180 * i / n_angles for i in range(n_angles)]}
        )


class CrossholeForward(Table):
    """`sciadv.forward.CrossholeTravelTime`."""

    kind: Literal["crosshole"]
    cell_size: Positive | None = None
    sources: Numbers | None = None
    receivers: Numbers | None = None
    cell_order: Literal["C", "F"] | None = None


class FaciesSlownessForward(Table):
    """`sciadv.forward.FaciesSlowness`."""

    kind: Literal["facies-slowness"]
    velocity_background: Positive | None = None
    velocity_facies: Positive | None = None


class AcousticCrosswellForward(Table):
    """`sciadv.forward.AcousticCrosswell`; SI units."""

    kind: Literal["acoustic-crosswell"]
    cell_size: Positive | None = None
    velocity_background: Positive | None = None
    velocity_facies: Positive | None = None
    frequency: Positive | None = None
    n_samples: Count | None = None
    interval: Positive | None = None
    source_rows: Numbers | None = None
    receiver_rows: Numbers | None = None


class TextureForward(Table):
    """`sciadv.forward.Texture`; SI units."""

    kind: Literal["texture"]
    contact_modulus: Positive
    nominal_pressure: Positive
    shear_strength: Positive
    properties: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    surface: Literal["sinusoidal", "wavy"] | None = None
    pressure_coefficient: NotNegative | None = None
    work_of_adhesion: NotNegative | None = None
    loss_factor: NotNegative | None = None


class GeneCircuitForward(Table):
    """`sciadv.forward.GeneCircuit`."""

    kind: Literal["gene-circuit"]
    behaviour: Literal["oscillation", "bistability", "stability"]
    n_sets: Count | None = None
    spread: Annotated[float, Field(ge=0, le=1)] | None = None
    n_anywhere: Annotated[int, Field(ge=0)] | None = None
    seed: Seed | None = None


class PluginForward(Table):
    """An operator of another package, by its entry point in the group ``sciadv.forward``; any settings."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    kind: str

    def settings(self) -> dict[str, Any]:
        """Return all settings: only the operator itself knows them."""
        return dict(self.model_extra or {})


def _forward_tag(value: Any) -> str | None:
    """Return the kind a table says, or "plugin" where another package has registered it."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    installed = {point.name for point in entry_points(group="sciadv.forward")}
    return "plugin" if kind in installed else kind


Operator = (
    Annotated[AcousticCrosswellForward, Tag("acoustic-crosswell")]
    | Annotated[BlockSumForward, Tag("block-sum")]
    | Annotated[BlurForward, Tag("blur")]
    | Annotated[CrossholeForward, Tag("crosshole")]
    | Annotated[FaciesSlownessForward, Tag("facies-slowness")]
    | Annotated[GaussianForward, Tag("gaussian")]
    | Annotated[GaussianBlurForward, Tag("gaussian-blur")]
    | Annotated[GeneCircuitForward, Tag("gene-circuit")]
    | Annotated[MaskForward, Tag("mask")]
    | Annotated[MaskedFourierForward, Tag("masked-fourier")]
    | Annotated[MatrixForward, Tag("matrix")]
    | Annotated[ParallelBeamForward, Tag("parallel-beam")]
    | Annotated[TextureForward, Tag("texture")]
    | Annotated[ZeroPadForward, Tag("zero-pad")]
    | Annotated[PluginForward, Tag("plugin")]
)


class ChainForward(Table):
    """Operators one after another; the first takes the candidate."""

    kind: Literal["chain"]
    parts: Annotated[
        tuple[
            Annotated[Operator | Annotated[MagnitudeForward, Tag("magnitude")], Discriminator(_forward_tag)],
            ...,
        ],
        Field(strict=False, min_length=1),
    ]

    @model_validator(mode="after")
    def _magnitude_of_something(self) -> ChainForward:
        if isinstance(self.parts[0], MagnitudeForward):
            raise ValueError("a magnitude is of the parts before it, so it cannot be the first")
        return self


ForwardSpec = Annotated[Operator | Annotated[ChainForward, Tag("chain")], Discriminator(_forward_tag)]


class GaussianLikelihood(Table):
    """`sciadv.Gaussian`; without sigma the noise level is unknown."""

    kind: Literal["gaussian"]
    sigma: Numbers | None = None


class StudentTLikelihood(Table):
    """`sciadv.StudentT`."""

    kind: Literal["student-t"]
    sigma: Numbers
    freedom: Positive | None = None


class PoissonLikelihood(Table):
    """`sciadv.Poisson`."""

    kind: Literal["poisson"]
    background: float | None = None
    floor: float | None = None


class ToleranceLikelihood(Table):
    """`sciadv.Tolerance`."""

    kind: Literal["tolerance"]
    width: Numbers
    softness: Positive | None = None
    is_relative: bool | None = None


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
    """Predictions of known images with the likelihood's noise: a data set's, or draws from the prior."""

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
    """The solver that the command line takes unless told otherwise."""

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
    likelihood: Annotated[
        GaussianLikelihood | PoissonLikelihood | StudentTLikelihood | ToleranceLikelihood,
        Field(discriminator="kind"),
    ]
    measurements: Annotated[
        DigitsMeasurements | FileMeasurements | SimulatedMeasurements | TargetMeasurements,
        Field(discriminator="kind"),
    ]
    constraints: Annotated[tuple[ConstraintTable, ...], Field(strict=False)] = ()
    solver: SolverTable = SolverTable()
    bench: BenchTable = BenchTable()
