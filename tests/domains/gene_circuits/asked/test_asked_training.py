"""Circuits are learnt by the score that they have at parameter sets which did not choose them."""

import pytest
import torch

from sciadv import Prior
from sciadv.domains.gene_circuits.asked import asked_training
from sciadv.domains.gene_circuits.asked.asked_training import AskedSchedule, AskedTraining


@pytest.mark.parametrize(("again", "is_kept"), [(0.5, True), (0.2, False)])
def test_circuits_are_kept_by_their_score_at_further_sets(again, is_kept, monkeypatch):
    scores = {2: 1.0, 3: again}

    def shares(x, *_, n_sets, **__):
        return torch.full((len(x),), scores[n_sets])

    monkeypatch.setattr(asked_training, "share_nearby", shares)
    monkeypatch.setattr(asked_training, "class_among", lambda x, _, family: torch.full((len(x),), family[0]))
    schedule = AskedSchedule(steps=2, first=6, n_near=2, n_confirmed=3, n_scored=4, fits=1, batch=4)
    training = AskedTraining(Prior.load("gene-circuits"), schedule=schedule)
    training.step()
    training.step()
    assert (len(training.archive) > 0) is is_kept
    assert set(training.archive.kept.score.tolist()) == ({again} if is_kept else set())
