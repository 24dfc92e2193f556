"""Debian's Chromium, one for all tests, and a page of each kind, made once from small problems."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import sciadv
from sciadv.catalogue import load_problem
from sciadv.domains.batch_correction import AdversarialSettings
from sciadv.files.page import to_json
from sciadv.problem import Problem
from sciadv.report.run_comparison import comparison_page, read_runs
from sciadv.report.solution_page import Run, summary, write_results
from sciadv.solvers.posterior.chains import Plan
from sciadv.solvers.posterior.pcn import PCN

PLAN = Plan(n_chains=2, n_samples=16, n_warmup=8, thin=1, n_polish=2)


@dataclass
class Opened:
    """A page in the browser, with what its scripts complained of and what it asked for elsewhere."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def keep(self, request: Any) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requests.append(request.url)


@dataclass(frozen=True)
class Browser:
    """Opens files, each in a window of its own without a network."""

    chromium: Any

    @contextmanager
    def open(
        self, file: Path, *, width: int = 1280, scheme: str = "light", scripts: bool = True
    ) -> Iterator[Opened]:
        viewport = {"width": width, "height": 900}
        context = self.chromium.new_context(
            viewport=viewport, color_scheme=scheme, java_script_enabled=scripts, offline=True
        )
        opened = Opened(context.new_page())
        opened.page.set_default_timeout(20_000)
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.on(
            "console", lambda said: said.type in {"error", "warning"} and opened.errors.append(said.text)
        )
        opened.page.on("request", opened.keep)
        try:
            opened.page.goto(file.as_uri())
            if scripts:
                opened.page.wait_for_function(
                    "[...document.querySelectorAll('.viewer')].every(v => v.matches('.ready'))"
                )
            yield opened
        finally:
            context.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no program `chromium` is installed (Debian's package of that name)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        # The sandbox needs rights that a container lacks; the pages are our own.
        chromium = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield Browser(chromium)
        chromium.close()


@pytest.fixture(scope="session")
def problem() -> Problem:
    return load_problem("digits-superresolution").subset([0, 1, 2])


@pytest.fixture(scope="session")
def pages(problem: Problem, tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> dict[str, Path]:
    """Give the file of each page by its kind; without a browser none is made."""
    folder = tmp_path_factory.mktemp("pages")
    sampled = sciadv.solve(problem, PCN(restarts=2, plan=PLAN), seed=1, diagnose="quick")
    write_results(problem, sampled, Run("Digits", command="sciadv solve digits"), folder / "sampled")
    searched = sciadv.solve(problem, restarts=2, seed=1, diagnose="quick")
    searched.save(folder / "searched")
    facts = summary(problem, searched, Run("Digits"))
    (folder / "searched" / "summary.json").write_text(to_json(facts), encoding="utf-8")
    design = sciadv.design("nanotexture-friction", target={"friction_coefficient": 0.08}, n=4, seed=1)
    design.save(folder / "design")
    compared = comparison_page(
        read_runs([folder / "sampled", folder / "searched"]), command="sciadv report a b"
    )
    written = {
        "solution": folder / "sampled" / "report.html",
        "designs": folder / "design" / "report.html",
        "comparison": folder / "comparison.html",
        "correction": folder / "correction.html",
        "demo": folder / "report.html",
    }
    written["comparison"].write_text(compared, encoding="utf-8")
    written["correction"].write_text(_correction(), encoding="utf-8")
    _write_demo(folder)
    return written


def _correction() -> str:
    """Return the page of a short correction of simulated cells, with downloads and all tables."""
    from sciadv.domains.batch_correction import BatchCorrector, simulate_counts
    from sciadv.domains.batch_correction.assessment.assess import assess
    from sciadv.files.html.page_parts import download
    from sciadv.report.correction_page import Assessed, Maps, correction_page

    cells = simulate_counts(120, 40, n_batches=3, n_types=3, seed=0)
    quick = AdversarialSettings(
        n_components=10, n_latent=4, n_hidden=16, least_steps=20, epochs=1, minibatch=64
    )
    corrector = BatchCorrector(method="adversarial", settings=quick, seed=0)
    corrector.fit(cells.counts, batch=cells.batch)
    codes = {"before": corrector.uncorrected(cells.counts), "after": corrector.embed(cells.counts)}
    assessment = assess(codes, cells.batch, cells.cell_type, with_scib=False)
    points = {name: code[:, :2] for name, code in codes.items()}
    maps = Maps(points, {"batch": cells.batch, "cell type": cells.cell_type}, "first two coordinates")
    files = [download("numbers.csv", "a,b\n1,2\n")]
    assessed = Assessed(assessment, None, maps)
    return correction_page(
        "Cells", corrector.card(), assessed, command="sciadv correct cells.h5ad", downloads=files
    )


def _write_demo(folder: Path) -> None:
    from sciadv.cli.demo_command import Story, write_page

    words = ("A question in a sentence.", "An answer in another one.")
    write_page([Story(f"Use {name}", words, folder / name) for name in ("sampled", "design")], folder)
