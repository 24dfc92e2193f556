"""What scikit-learn asks of a corrector beside `fit` and `transform`: names of genes, kind of output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from sciadv.domains.batch_correction.fitted.learnt import Learnt
from sciadv.errors import UnknownNameError

#: Kinds of output that `Transformer.set_output` takes; the first gives what came.
OUTPUTS = ("default", "pandas")


class Transformer(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """An estimator of scikit-learn whose cells go in and out as AnnData, data frames or arrays.

    References
    ----------
    L. Buitinck et al., API design for machine learning software: experiences from the scikit-learn project,
    ECML PKDD workshop on languages for data mining and machine learning, 2013.
    """

    _output: str  # one of `OUTPUTS`

    def __init_subclass__(cls) -> None:
        super().__init_subclass__(auto_wrap_output_keys=None)  # `_in_kind` makes the data frames

    @abstractmethod
    def learnt(self) -> Learnt:
        """Return what was learnt; `InputError` before the fit."""

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the names of genes, as scikit-learn asks for them; ``x0``, ``x1``, … for arrays."""
        return np.array(self.learnt().genes or [f"x{i}" for i in range(self.learnt().n_genes)], dtype=object)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Say what `transform` gives for arrays: "default" (their kind) or "pandas"; as in scikit-learn."""
        if transform not in (None, *OUTPUTS):
            raise UnknownNameError("output", str(transform), list(OUTPUTS))
        self._output = transform or self._output
        return self

    def _in_kind(self, corrected: Any) -> Any:
        """Return what was corrected, arrays as data frames if that is wanted."""
        if self._output == "default" or not isinstance(corrected, np.ndarray | torch.Tensor):
            return corrected
        return import_module("pandas").DataFrame(corrected, columns=self.get_feature_names_out())
