"""The shipped priors, measured again: what each can represent, and how its samples compare with data.

These are the numbers of the priors' cards. The images are the test split of each prior's own data set; a data
set that is not there is fetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciadv.bench.contract import Bench, Row, Settings, markdown_table, one_thread
from sciadv.bench.prior_quality import measure_prior
from sciadv.catalogue import load_recipe
from sciadv.datasets import load_images
from sciadv.folders import entry_names, find_entry
from sciadv.metrics import Classifier, load_classifier
from sciadv.prior import Prior
from sciadv.schema import RecipeSpec

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
}


def run(settings: Settings) -> list[Row]:
    """Measure every prior of the catalogue (quick: on a tenth of the images), one row each."""
    rows: list[Row] = []
    for name in entry_names("priors"):
        settings.report(f"measuring {name}")
        spec = load_recipe(name).spec
        train, test = (_images(spec, split) for split in ("train", "test"))
        if settings.quick:
            train, test = train[::10], test[::10]
        n_represented = 10 if settings.quick else 100
        with one_thread():
            quality = measure_prior(
                Prior.load(name),
                _classifier(name, spec),
                test,
                train=train,
                n_represented=n_represented,
                seed=spec.seed,
            )
        rows.append({"row": name, **quality.as_dict()})
    return rows


def _images(spec: RecipeSpec, split: str) -> Tensor:
    data = load_images(spec.data.name, split, prepare=spec.data.prepare, seed=spec.seed)
    return torch.from_numpy(data.images.copy())[:, None].float() / 255


def _classifier(name: str, spec: RecipeSpec) -> Classifier | None:
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
