"""Acoustic waves between two wells, against the line source's closed form, arrival times and reciprocity."""

import importlib.util

import pytest
import torch

from sciadv.errors import InputError
from sciadv.forward import AcousticCrosswell
from sciadv.forward.waves.acoustic import line_source_traces
from sciadv.testing import check_forward

pytest.importorskip("deepwave", reason="acoustic-crosswell needs deepwave: pip install sciadv[seismic]")
SMALL = (1, 24, 16)


def small(**settings):
    """Return two sources and three receivers in a section of 48 m x 32 m."""
    rows = {"source_rows": [6, 17], "receiver_rows": [3, 12, 20]}
    return AcousticCrosswell(SMALL, **{**rows, "n_samples": 50, **settings})


def test_it_keeps_the_promises_of_all_operators():
    check_forward(small())


@pytest.mark.parametrize(("source", "receiver"), [(1, 11), (0, 3), (1, 3)])
def test_traces_in_a_homogeneous_section_are_those_of_a_line_source(source, receiver):
    F = AcousticCrosswell(dtype=torch.float64)
    trace = F(torch.zeros(1, 1, 125, 60, dtype=torch.float64))[0, source, receiver]
    depth = int(F.receiver_places[source, receiver, 0] - F.source_places[source, 0, 0])
    distance = 2.0 * (depth**2 + 57**2) ** 0.5
    exact = line_source_traces(F.wavelet, F.interval / F.n_steps, distance, 2500.0)[:: F.n_steps]
    assert float((trace - exact).norm() / exact.norm()) < 0.02


@pytest.mark.parametrize(("facies", "velocity"), [(0.0, 2500.0), (1.0, 2000.0)])
def test_waves_arrive_when_distance_over_velocity_says(facies, velocity):
    F = AcousticCrosswell(source_rows=[30, 62], receiver_rows=[62, 110], n_samples=120)
    traces = F(torch.full((1, 1, 125, 60), facies))[0].double()
    distance = 2.0 * ((F.receiver_places[..., 0] - F.source_places[:, :, 0]).double().square() + 57**2).sqrt()
    time = F.interval * torch.arange(120, dtype=torch.float64)
    energy = traces.flatten(0, 1).square()
    arrival = (energy @ time) / energy.sum(
        1
    ) - 1.5 / 60  # of the energy's centre, which the wavelet has there
    assert torch.allclose(arrival, distance.flatten() / velocity, atol=3e-4, rtol=0)


def test_a_slower_facies_between_the_wells_delays_the_wave():
    F = AcousticCrosswell(source_rows=[62], receiver_rows=[62])
    x = torch.zeros(2, 1, 125, 60)
    x[1, :, :, 20:40] = 1
    first, second = F(x)[:, 0, 0].argmax(1).tolist()
    assert (second - first) * 1.2e-3 == pytest.approx(40 / 2000 - 40 / 2500, abs=1.3e-3)


def test_source_and_receiver_can_be_exchanged():
    x = (torch.rand(1, 1, 24, 16, generator=torch.Generator().manual_seed(0)) > 0.6).double()
    one = small(source_rows=[6], receiver_rows=[17], dtype=torch.float64)(x)
    other = small(source_rows=[17], receiver_rows=[6], dtype=torch.float64)(x.flip(3))
    assert torch.allclose(one, other, atol=1e-5)
    assert float(one.abs().max()) > 0.1


def test_the_gradient_is_that_of_finite_differences_in_double_precision():
    F, generator = small(dtype=torch.float64), torch.Generator().manual_seed(0)
    x = torch.rand(1, *SMALL, generator=generator, dtype=torch.float64)
    cotangent = torch.randn(1, 2, 3, 50, generator=generator, dtype=torch.float64)
    gradient = F.vjp(x, cotangent)
    for cell in ((12, 8), (3, 1), (23, 15)):
        step = torch.zeros_like(x)
        step[0, 0, cell[0], cell[1]] = 1e-5
        difference = float(((F(x + step) - F(x - step)) * cotangent).sum()) / 2e-5
        assert float(gradient[0, 0, cell[0], cell[1]]) == pytest.approx(difference, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"frequency": 200.0}, "at most 100 Hz"),
        ({"source_rows": [30]}, "source_rows are whole numbers from 0 to 23"),
        ({"receiver_rows": [3, 3]}, "name a row twice"),
        ({"velocity_facies": -1.0}, "velocity_facies must be"),
        ({"n_samples": 0}, "n_samples must be"),
    ],
)
def test_what_cannot_be_is_said(settings, words):
    with pytest.raises(InputError, match=words):
        small(**settings)


def test_without_deepwave_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install sciadv\[seismic\]"):
        small()
