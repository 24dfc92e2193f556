"""What is read of cells and where it stands: columns by name, or values given beside the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from sciadv.arguments.values import as_flag, as_text


@final
@dataclass(frozen=True)
class Columns:
    """Where things stand in ``obs`` of an AnnData, or in a data frame.

    Parameters
    ----------
    batch
        Columns of the batch, joined; none for what needs no batch.
    label
        Column of labels.
    keep
        Columns of what is kept.
    covariates
        Columns of numbers whose effect is removed.
    layer
        Layer of an AnnData with the expression; None for ``X``.
    is_counts
        Whether the numbers are counts, or proportional to them; None asks the numbers.
    modality
        Modality of a MuData with the cells; None for other data.
    """

    batch: tuple[str, ...] = ()
    label: str | None = None
    keep: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    layer: str | None = None
    is_counts: bool | None = None
    modality: str | None = None

    @staticmethod
    def of(  # one keyword a choice of the user
        *,
        batch_key: str | Sequence[str],
        label_key: str | None,
        keep: str | Sequence[str],
        covariates: str | Sequence[str],
        layer: str | None,
        is_counts: bool | None,
    ) -> Columns:
        """Check what a user gave.

        Raises
        ------
        InputError
            A column is no text.
        """
        return Columns(
            _texts(batch_key, "batch_key"),
            None if label_key is None else as_text(label_key, "label_key"),
            _texts(keep, "keep"),
            _texts(covariates, "covariates"),
            None if layer is None else as_text(layer, "layer"),
            None if is_counts is None else as_flag(is_counts, "is_counts"),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, of whatever use."""
        return (*self.batch, *((self.label,) if self.label else ()), *self.keep, *self.covariates)


def _texts(given: str | Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(as_text(key, name) for key in ((given,) if isinstance(given, str) else given))


@final
@dataclass(frozen=True, eq=False)
class Given:
    """What is given beside the data, in the place of columns; each ``(cells,)``."""

    batch: Iterable[object] | None = None
    labels: Iterable[object] | None = None
    keep: Mapping[str, Iterable[object]] | None = None
    covariates: Mapping[str, Iterable[object]] | None = None
