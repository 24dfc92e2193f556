import json
import re
from html.parser import HTMLParser
from importlib.metadata import version

import numpy as np
import pytest
import torch

from sciadv import Gaussian, Prior, Problem, solve
from sciadv.files.page import to_json
from sciadv.forward import BlockSum
from sciadv.nets import build_seeded
from sciadv.report.solution_page import RESULTS, Run, report_html, write_results

RUN = Run(
    title='Digits <script>alert("x")</script> & co',
    command="sciadv solve 'a <b>' -o out",
    seed=7,
    date="2030-01-02T03:04:05+00:00",
)


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    spec = {"kind": "mlp-decoder", "n_latent": 3, "image_shape": [1, 8, 8], "hidden": [8]}
    folder = Prior(build_seeded(spec, 0), 3).save(tmp_path_factory.mktemp("priors") / "tiny<i>")
    prior, forward = Prior.load(folder), BlockSum((1, 8, 8), 4)
    y = forward(prior.sample(3, seed=1)) + 0.01 * torch.randn(
        3, 1, 2, 2, generator=torch.Generator().manual_seed(0)
    )
    return Problem(prior=prior, forward=forward, likelihood=Gaussian(0.01), measurements=y, name="small")


@pytest.fixture(scope="module")
def solution(problem):
    return solve(problem, seed=7)


class Balanced(HTMLParser):
    """Fail on a tag that is closed out of order; collect the tags and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parsed(page):
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    return parser


def test_the_report_is_self_contained(problem, solution):
    html = report_html(problem, solution, RUN)
    page = parsed(html)
    assert sum(tag == "svg" for tag, _ in page.tags) == 4
    addresses = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not {tag for tag, _ in page.tags} & {"link", "iframe"}
    assert not re.search(r"https?:|url\([^#]|@import", html)


def test_the_report_says_what_is_needed_to_do_it_again(problem, solution):
    text = parsed(report_html(problem, solution, RUN)).text
    digest = problem.prior.card["weights_sha256"]
    for fact in (
        RUN.title,
        RUN.command,
        RUN.date,
        digest,
        version("torch"),
        np.__version__,
        "levenberg-marquardt",
        "small",
    ):
        assert fact in text


def test_the_report_says_how_well_and_which_restarts_agreed(problem, solution):
    text = parsed(report_html(problem, solution, RUN)).text
    assert all(message in text for message in solution.messages)
    assert all(words in text for words in solution.diagnosis.words)
    assert "The measurements, worst first" in text
    assert re.search(r"\d(, \d+)* of \d+", text)


def test_user_text_is_escaped(problem, solution):
    page = report_html(problem, solution, RUN)
    assert "<script>alert" not in page
    assert "tiny<i>" not in page
    assert "&lt;script&gt;" in page


def test_an_interrupted_solve_is_marked(problem, solution, tmp_path):
    run = Run("Digits", was_interrupted=True)
    assert "Interrupted by the user" in report_html(problem, solution, run)
    assert "Interrupted by the user" not in report_html(problem, solution, RUN)
    write_results(problem, solution, run, tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["interrupted"] is True


def test_results_are_written_whole(problem, solution, tmp_path):
    folder = write_results(problem, solution, RUN, tmp_path / "a" / "b")
    assert sorted(path.name for path in folder.iterdir()) == sorted(RESULTS)
    with np.load(folder / "solution.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"], solution.x)
    facts = json.loads((folder / "summary.json").read_text())
    assert (facts["seed"], facts["problem"], facts["n_measurements"]) == (7, "small", 3)
    assert facts["weights_sha256"] == problem.prior.card["weights_sha256"]
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_a_direct_method_has_a_report_too(problem):
    solution = solve(problem, "lasso")
    assert "no restarts" in parsed(report_html(problem, solution, RUN)).text


def test_json_has_no_nan():
    assert json.loads(to_json({"a": [float("nan"), 1.5], "b": {"c": float("inf")}})) == {
        "a": [None, 1.5],
        "b": {"c": None},
    }
