"""``sciadv demo``: the four uses on shipped priors, each with its figure, on one page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sciadv.cli.edge import check_output_folder, plain_errors, say
from sciadv.cli.solve_command import Request, run_request

if TYPE_CHECKING:
    from sciadv.candidate_set import CandidateSet

OUT = Path("sciadv-demo")
PAGE = "report.html"
#: How many of the UCI digits are reconstructed, designs and circuits made, cells simulated.
N_DIGITS, N_DESIGNS, N_CIRCUITS, N_CELLS = 12, 20, 3, 600


@dataclass(frozen=True)
class Story:
    """One use as it was shown: its title, what came out in sentences, and the folder of its results."""

    title: str
    words: tuple[str, ...]
    folder: Path

    @property
    def figure(self) -> Path:
        """The PNG file of its figure."""
        return self.folder / "figure.png"


@plain_errors
def demo(
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")] = OUT,
) -> None:
    """Reconstruct digits, design a surface, design a gene circuit, correct batches; show all on one page."""
    import torch

    from sciadv.files.publishing import lock_folder

    check_output_folder(out)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # products this small gain nothing from threads, and lose much on a busy machine
    try:
        with lock_folder(out):
            write_page([_shown(use, out) for use in USES], out)
    finally:
        torch.set_num_threads(n_threads)
    say(f"\nOpen {out / PAGE}. Each use has a page of its own in its folder.")


def _shown(use: str, out: Path) -> Story:
    """Show one use, and say how long it took."""
    say(f"\n{use}")
    began = time.perf_counter()
    story = USES[use](out)
    say(f"  {time.perf_counter() - began:.0f} s, page in {story.folder / PAGE}")
    return story


def reconstruct(out: Path) -> Story:
    """Find the 32 x 32 bitmaps behind the UCI digits, which are 8 x 8 counts of their ink."""
    folder = out / "reconstruct"
    solution = run_request(Request("digits-superresolution", folder, first=N_DIGITS))
    words = (
        "The UCI digits are real measurements: 8 x 8 counts of the ink in 4 x 4 blocks of 32 x 32 bitmaps. "
        "sciadv searches a generator of digits, trained on MNIST, for the bitmaps that explain the counts.",
        f"{len(solution.status)} digits in {solution.seconds:.1f} s; the first: {solution.messages[0]}.",
    )
    return Story("Reconstruct: handwritten digits from block counts", words, folder)


def surface(out: Path) -> Story:
    """Find textures with a friction coefficient of 0.08 whose contact does not yield."""
    import sciadv

    question = (
        "Which sinusoidal textures of a polymer slide with a friction coefficient of 0.08 and do not yield? "
        "The generator has learnt the contact mechanics alone, without data; the search is the same."
    )
    found = sciadv.design("nanotexture-friction", target={"friction_coefficient": 0.08}, n=N_DESIGNS)
    return _designed("Design: textures with a wanted friction", question, found, out / "design")


def circuit(out: Path) -> Story:
    """Find gene circuits that oscillate, by a shorter search than that of `sciadv.design`."""
    from sciadv.catalogue import load_problem
    from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings
    from sciadv.domains.gene_circuits.circuit_pool import PoolSettings
    from sciadv.domains.gene_circuits.circuit_search import CircuitSearch

    question = (
        "Which regulatory circuits never come to rest? The generator has learnt real gene networks, and the "
        "forward operator is a simulator of many circuits at once. This is a short search; "
        "sciadv design gene-oscillator draws and tests several times as many."
    )
    search = CircuitSearch(
        pool=PoolSettings(n_draws=600, n_rounds=6, n_near=250, n_elite=40),
        choice=ChoiceSettings(n_tested=16, tested_per_design=4, n_sets=24, n_kept=2),
    )
    found = search(load_problem("gene-oscillator"), {}, N_CIRCUITS)
    return _designed("Circuits: gene oscillators", question, found, out / "circuits")


def _designed(title: str, question: str, found: CandidateSet, folder: Path) -> Story:
    """Save designs, and answer a question by what they say of themselves."""
    found.save(folder)
    return Story(title, (question, *found.messages), folder)


def batches(out: Path) -> Story:
    """Take the batch out of simulated counts."""
    from sciadv import BatchCorrector
    from sciadv.domains.batch_correction import simulate_counts
    from sciadv.domains.batch_correction.assessment.assess import assess
    from sciadv.domains.batch_correction.assessment.flat_maps import flat_map
    from sciadv.files.page import png
    from sciadv.files.publishing import publish
    from sciadv.files.writing import write_file
    from sciadv.report.correction_page import Assessed, Maps, correction_page
    from sciadv.report.plotting import plot_maps

    cells = simulate_counts(N_CELLS, 200, n_batches=3, n_types=4, seed=0)
    corrector = BatchCorrector(method="adversarial", seed=0)
    corrector.fit(cells.counts, batch=cells.batch)
    codes = {"before": corrector.uncorrected(cells.counts), "after": corrector.embed(cells.counts)}
    assessment = assess(codes, cells.batch, cells.cell_type, with_scib=False)
    points = {name: flat_map(code, has_umap=False) for name, code in codes.items()}
    groups = {"batch": cells.batch, "cell type": cells.cell_type}
    maps = Maps(points, groups, "principal components (SIMULATED counts)")
    title = "Correct: batches of cells (simulated counts)"
    page = correction_page(title, corrector.card(), Assessed(assessment, None, maps), command="sciadv demo")
    picture = png(plot_maps(maps.points, maps.groups, what=maps.what))

    def build(new: Path) -> None:
        write_file(new / "figure.png", picture)
        write_file(new / PAGE, page)

    publish(out / "correct", build)
    found = {name: numbers["unpredictability"] for name, numbers in assessment.numbers.items()}
    words = (
        f"SIMULATED counts of {N_CELLS} cells in 3 batches. An encoder plays against a discriminator that "
        "looks for the batch; no cell types are given.",
        f"Batch unpredictability within cell types (0: found at once, 1: found no better than by chance): "
        f"{found['before']:.2f} before, {found['after']:.2f} after.",
    )
    return Story(title, words, out / "correct")


USES: dict[str, Callable[[Path], Story]] = {
    "1 of 4. Reconstruct: the UCI digits at 32 x 32, from 8 x 8 counts": reconstruct,
    "2 of 4. Design: surface textures with a friction coefficient of 0.08": surface,
    "3 of 4. Circuits: genes that oscillate": circuit,
    "4 of 4. Correct: batches of simulated cells": batches,
}


def write_page(stories: list[Story], out: Path) -> None:
    """Write the page that shows all uses and leads to the page of each; its figures are part of it."""
    from sciadv.files.html.page_parts import download
    from sciadv.files.html.template import render
    from sciadv.files.reading import read_bytes
    from sciadv.files.writing import write_file

    uses = [
        {
            "title": story.title,
            "words": story.words,
            "page": f"{story.folder.name}/{PAGE}",
            "picture": download("figure.png", read_bytes(story.figure, advice="run the demo again")).uri,
            "alt": f"{story.title}. {story.words[-1]}",
        }
        for story in stories
    ]
    write_file(out / PAGE, render("demo.html.j2", {"title": "sciadv: four uses of one search", "uses": uses}))
