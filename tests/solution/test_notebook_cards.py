"""What a notebook and a terminal show of each object: short, escaped, without layers of networks."""

import dataclasses
from html.parser import HTMLParser

import pytest
import torch
from small_priors import SMALL, make_prior, measured, projections
from solution_of_everything import full_solution

from sciadv import BatchCorrector, Prior
from sciadv.candidate_set import CandidateSet, Presentation
from sciadv.drawing.notebook import html_card, thumbnails

BAD = "<script>alert(1)</script>"


def designs() -> CandidateSet:
    n = 3
    return CandidateSet(
        name=BAD,
        x=torch.zeros(n, 2),
        values={"mass": torch.arange(3.0)},
        hit=torch.ones(n, dtype=torch.bool),
        feasible=torch.ones(n, dtype=torch.bool),
        margins=torch.ones(n, 1),
        messages=(BAD,),
        table=tuple({"mass [kg]": float(i), BAD: BAD} for i in range(n)),
        facts={},
        presentation=Presentation(lambda _: None, "title", "words"),
    )


def problem():
    prior = dataclasses.replace(make_prior(SMALL), name=BAD)
    return dataclasses.replace(measured(prior, projections(prior, 9), prior.sample(2, seed=0)), name=BAD)


OBJECTS = {
    "solution": lambda: dataclasses.replace(full_solution(), method=BAD),
    "problem": problem,
    "prior": lambda: problem().prior,
    "designs": designs,
    "corrector": lambda: BatchCorrector(batch_key=BAD),
}


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.opened = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.opened.append(tag)


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_cards_are_escaped_and_reprs_are_short(make):
    thing = make()
    card = thing._repr_html_()
    assert BAD not in card
    assert "alert" in card
    assert len(repr(thing)) < 500
    assert "Linear(" not in repr(thing)


@pytest.mark.parametrize("name", ["solution", "problem", "prior", "designs"])
def test_own_cards_are_small_tables(name):
    card = OBJECTS[name]()._repr_html_()
    assert set(Tags(card).opened) <= {"div", "strong", "table", "tr", "td", "img"}
    assert len(card) < 20_000


def test_representations_say_what_things_are():
    prior = Prior(torch.nn.Linear(3, 4), 3, name="mine")
    assert repr(prior) == "Prior('mine', latent: 3, generator: Linear)"
    assert prior.out_shape == (4,)
    assert repr(prior) == "Prior('mine', latent: 3, shape: (4,), generator: Linear)"
    assert repr(full_solution().posterior) == "Posterior(20 draws in 2 chains of 4 measurements)"
    posed = dataclasses.replace(problem(), name="small")
    assert repr(posed).startswith("Problem('small', measurements: 2 of shape (9,), prior: ")
    assert repr(full_solution()).startswith("Solution(made up: 1 explained, ")
    assert repr(full_solution().diagnosis).startswith("Diagnosis(4 measurements: ")


def test_designs_are_a_table_of_pandas():
    pytest.importorskip("pandas")
    assert list(designs().to_pandas()["mass [kg]"]) == [0.0, 1.0, 2.0]


def test_long_facts_are_cut():
    card = html_card("t", [("key", "x" * 1000), ("none", None)])
    assert "x" * 199 + "\N{HORIZONTAL ELLIPSIS}" in card
    assert "x" * 200 not in card
    assert "none" not in card


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 4), (2, 5, 6, 7), (1, 1, 9)])
def test_images_have_thumbnails_and_rows_of_numbers_have_none(shape):
    picture = thumbnails(torch.rand(5, *shape))
    assert (picture is None) == (shape == (1, 1, 9))
    assert picture is None or picture.startswith(b"\x89PNG")
    flat = thumbnails(torch.full((2, *shape), float("nan")))  # nothing to scale by
    assert (flat is None) == (shape == (1, 1, 9))
