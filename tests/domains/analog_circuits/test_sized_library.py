import pytest
import torch

from sciadv.domains.analog_circuits.sized_library import SizedLibrary, SpecTolerance
from sciadv.errors import InputError
from sciadv.forward import AnalogAmplifier
from sciadv.forward.design.quantity import box_of


@pytest.fixture(scope="module")
def library():
    model = AnalogAmplifier(dtype=torch.float64)
    engine = torch.quasirandom.SobolEngine(23, scramble=True, seed=0)
    return SizedLibrary.of(box_of(model).from_unit(engine.draw(600, dtype=torch.float64)))


def figures(library, x):
    with torch.no_grad():
        return library.tolerance.scaled(library.model(x))


def test_the_target_of_a_circuit_of_the_library_is_answered_by_that_circuit(library):
    targets = library.model(box_of(library.model).from_unit(library.place[:5])).detach()
    assert library.nearest(targets)[:, 0].tolist() == [0, 1, 2, 3, 4]
    torch.testing.assert_close(library.propose(targets), library.looked_up(targets), rtol=1e-6, atol=0)


def test_slopes_bring_a_proposal_nearer_than_the_nearest_circuit(library):
    targets = torch.tensor([[60.0, 1e9, 60.0], [40.0, 3e9, 80.0], [90.0, 2e9, 50.0]], dtype=torch.float64)
    goal = library.tolerance.scaled(targets)
    before = (figures(library, library.looked_up(targets)) - goal).abs().amax(1)
    after = (figures(library, library.propose(targets)) - goal).abs().amax(1)
    assert bool((after < before).all())


def test_refined_circuits_meet_their_targets(library):
    targets = torch.tensor([[60.0, 1e9, 60.0], [40.0, 3e9, 80.0]], dtype=torch.float64)
    x = library.refined(targets)
    assert float((figures(library, x) - library.tolerance.scaled(targets)).abs().max()) < 0.1


def test_a_tolerance_is_one_unit():
    targets = torch.tensor([[60.0, 1e9, 60.0], [62.0, 1e9, 50.0]], dtype=torch.float64)
    one, other = SpecTolerance(gain=2.0, phase_margin=10.0).scaled(targets)
    torch.testing.assert_close(other - one, torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64))


def test_designs_that_do_not_amplify_make_no_library():
    weak = AnalogAmplifier(dtype=torch.float64).plain({})[None]
    weak[:, 1] = 1e-7
    weak[:, 4] = 1e-7
    with pytest.raises(InputError, match="none of the designs amplifies"):
        SizedLibrary.of(weak, AnalogAmplifier(transconductance=(1e-8, 1e-2)))
