"""Every batch correction passes its suite."""

from __future__ import annotations

import numpy as np
import pytest

from sciadv.domains.batch_correction.fitted_correction import CORRECTIONS
from sciadv.domains.batch_correction.linear.combat import LinearCorrection
from sciadv.testing import check_corrector

METHODS = ("adversarial", "linear", "residual")


def test_every_registered_method_passes_the_suite():
    assert set(CORRECTIONS) == {*METHODS, "nothing"}


@pytest.mark.parametrize("method", METHODS)
def test_it_passes(method):
    check_corrector(method)


def test_a_correction_that_depends_on_the_company_is_found(monkeypatch):
    correct = LinearCorrection.correct

    def with_mean(self, expression, groups, *, to=None):
        corrected = correct(self, expression, groups)
        return corrected + 0.1 * np.asarray(expression).mean().astype(np.float32)

    monkeypatch.setattr(LinearCorrection, "correct", with_mean)
    with pytest.raises(AssertionError, match="corrected otherwise"):
        check_corrector("linear")


def test_nothing_keeps_every_promise_but_that_the_gap_gets_smaller():
    with pytest.raises(AssertionError, match="the gap between batches grows"):
        check_corrector("nothing")
