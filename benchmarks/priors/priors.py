"""The shipped priors, measured again: their range, their samples, and what they do in a solve.

These are the numbers of the priors' cards, and errors in compressed sensing. The images are the test split of
each prior's own data set, for compressed sensing the first of its second half; a data set that is not there
is fetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, markdown_table, one_thread
from benchmarks.priors.prior_sensing import sensing
from sciadv.catalogue import load_recipe
from sciadv.data.datasets import load_images
from sciadv.files.folders import entry_names, find_entry
from sciadv.metrics import Classifier, load_classifier
from sciadv.prior import Prior
from sciadv.recipes.prior_quality import measure_prior
from sciadv.schema import ImageRecipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Columns of the table, with their headings.
COLUMNS = {
    "row": "prior",
    "representation_error_mean": "representation error, per pixel",
    "frechet": "feature-Frechet",
    "frechet_floor": "its floor",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "modes": "modes",
    "sensing_error_25": "sensing, m = 25",
    "sensing_error_25_found": "were all found",
    "search_failures_25": "searches failed",
    "wrong_minima_25": "wrong minimum lower",
    "sensing_error_100": "sensing, m = 100",
}
#: Images of a prior in compressed sensing, and of larger images of which a Jacobian takes long.
_N_SENSED, _N_LARGE, _LARGE = 102, 34, 1024


def run(settings: Settings) -> list[Row]:
    """Measure every prior of images of the catalogue (quick: on a tenth of them), one row each."""
    rows: list[Row] = []
    for name in entry_names("priors"):
        spec = load_recipe(name).spec
        if not isinstance(spec, ImageRecipe):
            continue  # circuits and designs have benches of their own
        settings.report(f"measuring {name}")
        train, test = (_images(spec, split) for split in ("train", "test"))
        if settings.quick:
            train, test = train[::10], test[::10]
        n_represented = 10 if settings.quick else 100
        prior = Prior.load(name)
        with one_thread():
            quality = measure_prior(
                prior,
                _classifier(name, spec),
                test,
                train=train,
                n_represented=n_represented,
                seed=spec.seed,
            )
            errors = _sensing(prior, test[len(test) // 2 :], is_quick=settings.quick)
        rows.append({"row": name, **quality.as_dict(), **errors})
    return rows


def _sensing(prior: Prior, images: Tensor, *, is_quick: bool) -> dict[str, float]:
    """Measure compressed sensing on the first of the images; the same matrix and noise for all priors."""
    n = _N_SENSED if images[0].numel() <= _LARGE else _N_LARGE
    few = images[: n // 17 if is_quick else n]
    return {key: value for m in (25, 100) for key, value in sensing(prior, few, m, seed=0).items()}


def _images(spec: ImageRecipe, split: str) -> Tensor:
    return load_images(str(spec.data.name), split, prepare=spec.data.prepare, seed=spec.seed).grey()


def _classifier(name: str, spec: ImageRecipe) -> Classifier | None:
    """Load the classifier that lies with the prior, or with the one it shares it with."""
    if spec.classifier is None:
        return None
    return load_classifier(find_entry("priors", spec.classifier.prior or name))


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [[_text(row.get(column)) for column in COLUMNS] for row in rows]
    return markdown_table(list(COLUMNS.values()), lines)


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw representation error and feature-Frechet distance, one bar a prior."""
    names = [row["row"] for row in rows]
    for axes, column in zip(figure.subplots(1, 2), ("representation_error_mean", "frechet"), strict=True):
        bars = axes.barh(names, [row.get(column, float("nan")) for row in rows])
        axes.bar_label(bars, fmt="%.3g", padding=3)
        axes.set_xlabel(COLUMNS[column])


BENCH = Bench(
    title="The shipped priors: representation error and distribution metrics",
    problem=None,
    run=run,
    draw=draw,
    table=table,
)
