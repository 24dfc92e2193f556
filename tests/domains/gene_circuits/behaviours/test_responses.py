"""Responses to an inducer against closed forms: folds of the toggle, Hill coefficients, chains and loops."""

import math

import numpy as np
import pytest
import torch

from sciadv.domains.gene_circuits.behaviours.dose_response import BandPass, Ultrasensitivity, effective_hill
from sciadv.domains.gene_circuits.behaviours.evaluation import measure, shows
from sciadv.domains.gene_circuits.behaviours.responses import Ends, Ramp, Step
from sciadv.domains.gene_circuits.behaviours.step_response import Adaptation, Pulse
from sciadv.domains.gene_circuits.behaviours.switching import Switching
from sciadv.errors import InputError
from sciadv.physics.regulation.kinetics import Kinetics, pack

TOGGLE = -torch.eye(2).roll(1, 1)[None]
CHAIN = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])
#: A activates B and C, B represses C: the incoherent feed-forward loop
LOOP = torch.tensor([[[0.0, 1.0, 1.0], [0.0, 0.0, -1.0], [0.0, 0.0, 0.0]]])


def circuit(
    signs: torch.Tensor, *, hill: float = 3.0, threshold: float = 0.1, slow: int = -1
) -> torch.Tensor:
    n = signs.shape[-1]
    edge, gene = torch.ones_like(signs), torch.ones(1, n)
    degradation = gene.clone()
    if slow >= 0:
        degradation[:, slow] = 0.1
    kinetics = Kinetics(signs, threshold * edge, hill * edge, 100 * edge, 10 * degradation, degradation, gene)
    return pack(kinetics)


def folds_of_the_toggle() -> tuple[float, float]:
    """Turning points of the dose u = y / f(f(y)) along the curve of steady states."""

    def repressed(y):
        return 0.01 + 0.99 / (1 + (y / 0.1) ** 3)

    y = np.geomspace(1e-3, 10, 20001)
    dose = y / repressed(repressed(y))
    turns = np.flatnonzero(np.diff(np.sign(np.diff(dose)))) + 1
    assert len(turns) == 2
    return float(dose[turns[1]]), float(dose[turns[0]])


@pytest.mark.parametrize("acts_on", ["production", "activity"])
def test_thresholds_of_the_toggle_are_its_folds(acts_on):
    low, high = folds_of_the_toggle()
    test = Switching(ends=Ends(input_gene=0, output_gene=1, acts_on=acts_on))
    measured = test.measure(circuit(TOGGLE))
    step = 4 / 40
    assert math.log10(float(measured["lower_threshold"])) == pytest.approx(math.log10(low), abs=step)
    assert math.log10(float(measured["upper_threshold"])) == pytest.approx(math.log10(high), abs=step)
    assert float(measured["hysteresis_width"]) == pytest.approx(math.log10(high / low), abs=2 * step)
    assert bool(test.shown(measured))


def test_a_toggle_without_cooperation_does_not_switch_and_a_narrow_ramp_leaves_the_loop_open():
    assert not bool(shows(circuit(TOGGLE, hill=1.0), "switching"))
    narrow = Switching(ramp=Ramp(lowest=0.8, highest=100.0), ends=Ends(0, 1))
    measured = narrow.measure(circuit(TOGGLE))
    assert float(measured["is_irreversible"]) == 1
    assert float(measured["hysteresis_width"]) == 0
    assert not bool(narrow.shown(measured))


@pytest.mark.parametrize("hill", [2.0, 5.0])
def test_the_effective_hill_coefficient_of_one_edge_is_its_own(hill):
    measured = Ultrasensitivity(ramp=Ramp(n_doses=81)).measure(circuit(CHAIN, hill=hill, threshold=0.5))
    assert float(measured["effective_hill"]) == pytest.approx(hill, rel=0.03)
    assert (float(measured["input_gene"]), float(measured["output_gene"])) == (0, 1)
    assert float(measured["largest_log_gain"]) < hill


def test_effective_hill_coefficients_are_those_of_hill_functions():
    decades = torch.linspace(-3, 3, 601, dtype=torch.float64)
    n = torch.tensor([1.5, 4.0], dtype=torch.float64)
    dose = 10 ** decades[:, None]
    found = effective_hill(decades, dose**n / (1 + dose**n))
    assert found.tolist() == pytest.approx(n.tolist(), rel=0.01)


def test_a_chain_is_as_sensitive_as_it_is_imprecise():
    measured = Adaptation().measure(circuit(CHAIN, hill=4.0, threshold=1.0))
    assert float(measured["sensitivity"] * measured["precision"]) == pytest.approx(1, rel=1e-3)
    # A is at its largest level 1, the threshold; h goes from 1 / 2 to 1.2^4 / (1 + 1.2^4)
    h = 1.2**4 / (1 + 1.2**4)
    before, after = (0.01 + 0.99 * part for part in (0.5, h))
    assert float(measured["sensitivity"]) == pytest.approx((after / before - 1) / 0.2, rel=1e-3)
    assert not bool(shows(circuit(CHAIN), "adaptation"))


def test_an_incoherent_loop_with_a_slow_repressor_makes_a_pulse_and_a_band():
    x = circuit(LOOP, hill=4.0, threshold=0.7, slow=1)
    pulse = Pulse(step=Step(dose=3.0), ends=Ends(0, 2), least_height=1.1, least_return=0.2)
    measured = pulse.measure(x)
    assert bool(pulse.shown(measured))
    assert 0.5 < float(measured["pulse_time"]) < 10
    assert not bool(pulse.shown(pulse.measure(circuit(-LOOP, hill=4.0, threshold=0.7, slow=1))))
    band = BandPass(ends=Ends(0, 2), least_ratio=1.5)
    found = band.measure(x)
    assert bool(band.shown(found))
    assert 0.2 < float(found["band_dose"]) < 1.2


def test_absent_pairs_have_no_numbers():
    one = torch.nn.functional.pad(circuit(torch.zeros(1, 1, 1)), (0, 1, 0, 1))
    measured = measure(one, "switching")
    assert bool(measured["hysteresis_width"].isnan())
    assert not bool(shows(one, "switching"))


@pytest.mark.parametrize("behaviour", [Switching, Adaptation, Pulse, BandPass])
def test_a_gene_that_is_absent_is_refused_in_words(behaviour):
    with pytest.raises(InputError, match="gene 5, counted from 0, is asked to be the input, but no circuit"):
        shows(circuit(TOGGLE), behaviour(ends=Ends(input_gene=5)))
    with pytest.raises(InputError, match="asked to be the output"):
        shows(circuit(TOGGLE), behaviour(ends=Ends(output_gene=2)))
