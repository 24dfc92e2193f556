"""Every operator of the package keeps every promise of `Forward`, in every mode of differentiation."""

import copy
from importlib.metadata import EntryPoint

import pytest
import torch

from sciadv.errors import UnknownNameError
from sciadv.forward import FORWARDS, BlockSum, Forward, forward_kind
from sciadv.forward.adapters.checks import random_candidates
from sciadv.testing import check_forward


def test_operator_keeps_every_promise(operator: Forward):
    check_forward(operator)


def test_every_registered_kind_is_tested(covered_kinds: set[str]):
    elsewhere = {
        "texture",  # in metres: test_texture.py
        "coating",  # in metres: test_coating.py
        "harmonic-texture",  # in metres: test_harmonic_texture.py
        "beam",  # its gradient cannot be differentiated again: test_beam.py
        "analog-amplifier",  # in farads and ohms: circuits/test_analog_amplifier.py
        "microstructure",  # its gradient cannot be differentiated again: test_microstructure.py
        "acoustic-crosswell",  # with deepwave: test_acoustic.py
        "gridded-fourier",  # with torchkbnufft: test_gridded.py
    }
    assert covered_kinds | elsewhere == set(FORWARDS)


def test_all_modes_of_differentiation_agree(operator: Forward, generator: torch.Generator):
    A = operator.to(torch.float64)
    x, tangent = random_candidates(A, 4, generator=generator).chunk(2)
    pushed = torch.func.jvp(A, (x,), (tangent,))[1]
    torch.testing.assert_close(pushed, A.jvp(x, tangent))
    torch.testing.assert_close(torch.func.vjp(A, x)[1](pushed)[0], A.vjp(x, pushed))
    many = torch.stack([tangent, 2 * tangent, tangent.flip(0)], 1)  # (batch, mapped, ...)
    mapped = torch.vmap(lambda t: A.jvp(x, t), in_dims=1, out_dims=1)(many)
    torch.testing.assert_close(mapped[:, 1], 2 * A.jvp(x, tangent))
    torch.testing.assert_close(mapped[:, 2], A.jvp(x, tangent.flip(0)))


def test_gradient_can_be_differentiated_again(operator: Forward, generator: torch.Generator):
    A = operator.to(torch.float64)
    x = random_candidates(A, 1, generator=generator).requires_grad_()
    energy = A(x).abs().square().sum()
    (gradient,) = torch.autograd.grad(energy, x, create_graph=True)
    (again,) = torch.autograd.grad(gradient.abs().square().sum(), x)
    assert bool(again.isfinite().all())
    if A.is_linear:  # gradient g = 2 A* A x, and the gradient of |g|^2 is 2 (2 A* A) g
        torch.testing.assert_close(again, 4 * A.vjp(x, A(gradient)).detach())


def test_copy_and_cast_leave_the_original_alone(operator: Forward):
    before = operator.dtype
    double = copy.deepcopy(operator).to(torch.float64)
    assert operator.dtype == before
    assert double.dtype.to_real() == torch.float64
    assert double.dtype.is_complex == before.is_complex


def test_no_operator_writes_to_the_state_dict(operator: Forward):
    assert not operator.state_dict()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_operator_computes_the_same_on_a_gpu(operator: Forward, generator: torch.Generator):
    x = random_candidates(operator, 2, generator=generator)
    y = operator(x)
    pulled = operator.vjp(x, y)
    A = operator.to("cuda")
    torch.testing.assert_close(A(x.cuda()).cpu(), y, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(A.vjp(x.cuda(), y.cuda()).cpu(), pulled, rtol=1e-4, atol=1e-4)
    check_forward(A)


def test_kind_is_found_by_name():
    assert forward_kind("block-sum") is BlockSum


def test_unknown_kind_names_the_known_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'blur'") as raised:
        forward_kind("blurr")
    assert set(FORWARDS) <= set(raised.value.known)


def test_installed_package_adds_a_kind(monkeypatch: pytest.MonkeyPatch):
    point = EntryPoint("theirs", "sciadv.forward.imaging.block:BlockSum", "sciadv.forward")
    monkeypatch.setattr(
        "sciadv.registry.registry.entry_points", lambda *, group: [point] * (group == point.group)
    )
    assert forward_kind("theirs") is BlockSum
    with pytest.raises(UnknownNameError, match="theirs"):
        forward_kind("xyz")
