import pytest
import torch
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import AnalogAmplifier, NonlinearForward, compose
from sciadv.forward.circuits import ngspice
from sciadv.forward.design.quantity import PropertyModel, box_of
from sciadv.physics.small_signal.netlist_checks import checked_netlist
from sciadv.physics.small_signal.spice_reader import read_spice
from sciadv.testing import check_forward

EVERY = tuple(quantity.name for quantity in AnalogAmplifier.PROPERTIES)
with_ngspice = pytest.mark.skipif(not ngspice.is_installed(), reason="ngspice is not installed")


def designs(n, *, seed=0):
    engine = torch.quasirandom.SobolEngine(23, scramble=True, seed=seed)
    return box_of(AnalogAmplifier()).from_unit(engine.draw(n, dtype=torch.float64))


@pytest.fixture(scope="module")
def amplifier():
    return AnalogAmplifier(properties=EVERY, dtype=torch.float64)


class Sizes(NonlinearForward):
    """Numbers of an ordinary size to the transconductances of two stages and what is between them."""

    def forward(self, x: Tensor) -> Tensor:
        A = AnalogAmplifier(dtype=x.dtype)
        choices = {"stage_1": "+gm", "stage_2": "C|+gm", "branch_a": "R-C", "branch_a_between": "n1 out"}
        plain = A.plain(choices).expand(len(x), -1)
        names = [one.name for one in A.variables]
        sized = [names.index(name) for name in ("stage_1_gm", "stage_2_gm", "stage_2_C", "branch_a_C")]
        places = torch.nn.functional.one_hot(torch.tensor(sized), 23).to(x.dtype)
        return plain * (0.3 * x @ places).exp()


def test_it_keeps_the_promises_of_a_forward():
    names = ("gain", "unity_gain_frequency", "phase_margin", "total_transconductance")
    scaled = compose(AnalogAmplifier(properties=names), Sizes((4,), (23,)))
    check_forward(compose(Logs((4,), (4,)), scaled), seed=1)


class Logs(NonlinearForward):
    """Properties to numbers of like size."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, 0] / 20, x[:, 1].log(), x[:, 2] / 50, x[:, 3].log()], 1)


def test_it_is_a_property_model(amplifier):
    assert isinstance(amplifier, PropertyModel)
    assert len(amplifier.variables) == 23


def test_two_stages_have_the_product_of_their_gains(amplifier):
    x = amplifier.plain({"stage_1": "+gm", "stage_1_gm": 1e-3, "stage_2": "-gm", "stage_2_gm": 2e-4})
    gain = amplifier.with_properties(("gain",))(x[None])
    assert float(gain) == pytest.approx(60 + 20 * 2.3010299956639813, abs=1e-3)


@with_ngspice
def test_figures_are_those_of_ngspice(amplifier):
    x = designs(24)
    predicted = amplifier(x)
    for name, value in amplifier.verify(x).items():
        torch.testing.assert_close(
            predicted[:, EVERY.index(name)],
            value,
            rtol=1e-4,
            atol=1e-6,
            equal_nan=True,
        )


def test_written_netlists_are_read_and_give_the_same_gain(amplifier):
    x = designs(4, seed=3)
    texts = amplifier.files(x)
    assert sorted(texts) == [f"design-{i:03}.cir" for i in range(1, 5)]
    for text, one in zip(texts.values(), amplifier.netlists(x), strict=True):
        again = checked_netlist(read_spice(text))
        assert [part.value for part in again.components] == [part.value for part in one.components]


def test_a_batch_is_as_each_alone(amplifier):
    x = designs(6, seed=1)
    alone = torch.cat([amplifier(one[None]) for one in x])
    torch.testing.assert_close(amplifier(x), alone, rtol=1e-6, atol=1e-9, equal_nan=True)


def test_what_has_the_same_elements_has_one_canonical_design(amplifier):
    x = designs(200, seed=2)
    same = amplifier.canonical(x)
    assert torch.equal(same, amplifier.canonical(same))
    torch.testing.assert_close(amplifier(x), amplifier(same), rtol=1e-5, atol=1e-7, equal_nan=True)


def test_derivatives_are_those_of_finite_differences():
    A = AnalogAmplifier(dtype=torch.float64)
    x = designs(12, seed=4)
    x = x[A(x).isfinite().all(1)][:4]
    logs = [i for i, one in enumerate(A.variables) if one.is_log]
    for column in range(3):
        cotangent = torch.zeros(len(x), 3, dtype=torch.float64)
        cotangent[:, column] = 1
        exact = A.vjp(x, cotangent)
        for i in logs[::4]:
            step = torch.zeros_like(x)
            step[:, i] = 1e-6 * x[:, i]
            slope = ((A(x + step) - A(x - step))[:, column]) / (2 * step[:, i])
            scale = A(x)[:, column].abs() / x[:, i]
            torch.testing.assert_close(exact[:, i] / scale, slope / scale, rtol=1e-4, atol=1e-6)


def test_a_design_that_is_not_finite_has_no_properties(amplifier):
    x = designs(2)
    x[0, 3] = torch.nan
    assert bool(amplifier(x)[0].isnan().all())


def test_bad_input_is_refused_in_words(amplifier):
    with pytest.raises(InputError, match="23 variables"):
        AnalogAmplifier((22,))
    with pytest.raises(UnknownNameError, match="property of a amplifier"):
        amplifier.with_properties(("gian",))
    with pytest.raises(UnknownNameError, match="stage_1"):
        amplifier.plain({"stage_1": "gm"})
