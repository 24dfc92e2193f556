import numpy as np
import pytest

from sciadv.errors import InputError, MissingPackageError
from sciadv.forward.circuits import ngspice
from sciadv.forward.circuits.verified_figures import figures_by_ngspice
from sciadv.physics.small_signal.figures import Sweep

DIVIDER = "divider\nV1 in 0 dc 0 ac 1\nR1 in out 1k\nR2 out 0 1k\n.end\n"
BROKEN = "broken\nV1 in 0 dc 0 ac 1\nR1 in out 1k\nQ1 nothing\n.end\n"
SWEEP = {"lowest": 1.0, "highest": 1e3, "per_decade": 1}
with_ngspice = pytest.mark.skipif(not ngspice.is_installed(), reason="ngspice is not installed")


@with_ngspice
def test_a_circuit_that_cannot_be_solved_leaves_the_others():
    f, H = ngspice.responses([DIVIDER, BROKEN, DIVIDER], ["out"] * 3, **SWEEP)
    np.testing.assert_allclose(f, [1, 10, 100, 1000])
    np.testing.assert_allclose(H[[0, 2]], 0.5)
    assert np.isnan(H[1]).all()
    assert bool(
        figures_by_ngspice([DIVIDER, BROKEN], Sweep(highest=1e3)).gain.isnan().tolist() == [False, True]
    )


@with_ngspice
def test_no_solved_circuit_is_an_error_in_words():
    with pytest.raises(InputError, match="solved none of the circuits"):
        ngspice.responses([BROKEN], ["out"], **SWEEP)


def test_without_ngspice_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(ngspice, "is_installed", lambda: False)
    with pytest.raises(MissingPackageError, match="apt-get install ngspice"):
        ngspice.responses([DIVIDER], ["out"], **SWEEP)
