"""The archive keeps the best circuit of each core, and codes stay with their cores."""

import torch

from sciadv.domains.gene_circuits.asked.core_archive import CoreArchive, Scored
from sciadv.physics.regulation.kinetics import circuits_of

SIGNS = torch.tensor(
    [
        [[0.0, -1, 0], [0, 0, -1], [-1, 0, 0]],
        [[0.0, 1, 0], [0, 0, 1], [-1, 0, 0]],
        [[0.0, 1, 1], [0, 0, 1], [-1, 0, 0]],
    ]
)


def scored(rows: list[int], scores: list[float], asked: int = 0) -> Scored:
    x = circuits_of(SIGNS[rows], places=0.1)
    n = len(rows)
    return Scored(x, x, torch.full((n,), asked), torch.tensor(scores), torch.full((n,), -1))


def test_the_best_circuit_of_each_core_is_kept_and_an_equal_one_does_not_displace_it():
    archive = CoreArchive(3, niches=4)
    archive.push(scored([0, 0, 1], [0.5, 0.8, 0.3]))
    assert sorted(archive.kept.score.tolist()) == torch.tensor([0.3, 0.8]).tolist()
    before = archive.kept.x.clone()
    other = scored([0], [0.8])
    x = torch.cat([other.x[:, :1], 0.5 * other.x[:, 1:-1], other.x[:, -1:]], 1)
    archive.push(Scored(x, other.core, other.asked, other.score, other.code))
    torch.testing.assert_close(archive.kept.x, before)


def test_a_full_cell_gives_the_code_of_the_worst_core_to_a_better_one():
    archive = CoreArchive(3, niches=2)
    archive.push(scored([0, 1], [0.9, 0.4]))
    code_of_first = int(archive.kept.code[0])
    archive.push(scored([2], [0.6]))
    assert [round(score, 1) for score in archive.kept.score.tolist()] == [0.9, 0.6]
    assert int(archive.kept.code[0]) == code_of_first
    assert sorted(archive.kept.code.tolist()) == [0, 1]


def test_classes_are_drawn_alike_and_every_code_has_a_circuit():
    archive = CoreArchive(3, niches=4)
    archive.push(scored([0, 1, 2], [1.0, 1.0, 1.0]))
    archive.push(scored([0], [0.5], asked=1))
    drawn = archive.sample(4000, numbers=torch.Generator().manual_seed(0))
    assert abs(float((drawn.asked == 1).double().mean()) - 0.5) < 0.05
    assert set(drawn.code[drawn.asked == 1].tolist()) == {0, 1, 2, 3}
    assert set(drawn.code[drawn.asked == 0].tolist()) == {0, 1, 2, 3}


def test_cores_far_below_the_best_of_their_class_leave_and_codes_stay_without_gaps():
    archive = CoreArchive(3, least_part=0.75)
    archive.push(scored([0, 1, 2], [0.5, 0.6, 0.55]))
    archive.push(scored([0], [0.4], asked=1))
    assert len(archive) == 4
    archive.push(scored([2], [0.78]))
    left = archive.kept.take(archive.kept.asked == 0)
    assert sorted(left.score.tolist()) == torch.tensor([0.6, 0.78]).tolist()
    assert sorted(left.code.tolist()) == [0, 1]
    assert len(archive) == 3


def test_newcomers_are_those_that_would_displace_what_is_kept():
    archive = CoreArchive(3, niches=2)
    archive.push(scored([0, 1], [0.9, 0.4]))
    found = archive.newcomers(scored([0, 1, 2], [0.8, 0.5, 0.3]))
    assert found.score.tolist() == torch.tensor([0.5]).tolist()
    assert sorted(archive.kept.score.tolist()) == torch.tensor([0.4, 0.9]).tolist()


def test_a_checkpoint_holds_all_of_it():
    archive, other = CoreArchive(3), CoreArchive(3)
    archive.push(scored([0, 1], [0.9, 0.4]))
    other.load_state_dict({name: value.clone() for name, value in archive.state_dict().items()})
    one, two = (some.sample(20, numbers=torch.Generator().manual_seed(1)) for some in (archive, other))
    assert torch.equal(one.x, two.x)
    assert torch.equal(one.code, two.code)
