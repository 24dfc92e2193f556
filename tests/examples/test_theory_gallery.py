"""Every page of the theory gallery, in its quick setting, against the numbers that theory gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_example import EXAMPLES, run_example

PAGES = sorted((EXAMPLES / "theory").glob("[0-9]*.py"))

#: Largest difference between a page's number and theory's, by the number's name; 0 is equality to rounding.
TOLERANCES: dict[str, dict[str, float]] = {
    "01_optimal_discriminator": {
        "logit at x = 0.3": 0.02,
        "RMSE of the logit": 0.05,
        "calibration error of D": 0.01,
    },
    "02_jensen_shannon": {
        "V at q = p": 1e-9,
        "V(D*) at a = 1": 5e-7,
        "V(D*) - (2 JSD - 2 ln 2)": 1e-9,
        "JSD at a = 0.5": 5e-7,
        "JSD at a = 1": 5e-7,
        "JSD at a = 2": 5e-7,
        "JSD at a = 4": 5e-7,
        "JSD at a = 8": 5e-7,
    },
    "03_blind_discriminator": {
        "objective of the linear critic": 1e-8,
        "mean of the generator": 1e-8,
        "objective of the quadratic critic": 2e-3,
        "W1, sorted quantiles": 1e-9,
    },
    "04_vanishing_gradient": {
        "ratio of gradients at d = 0.01": 1e-10,
        "ratio of gradients at d = 0.3": 1e-12,
        "generator's loss -ln 0.3": 5e-7,
        "D's loss -ln 0.95 - ln 0.7": 5e-7,
        "accuracy of D": 0,
        "slope of D at the fakes": 2e-3,
    },
    "05_rotation": {
        "drift of the flow's radius in a turn": 1e-10,
        "factor of simultaneous": 1e-9,
        "factor of alternating": 1e-4,
        "factor of extragradient": 1e-9,
        "factor of optimistic": 1e-6,
        "factor of past-extragradient": 1e-6,
        "factor of consensus": 1e-9,
        "factor of symplectic": 1e-9,
        "factor of lookahead": 1e-4,
        "rotation share of the bilinear game": 1e-12,
        "best factor of extragradient": 1e-9,
    },
    "06_dirac_gan": {
        "eigenvalue without penalty, imaginary part": 1e-12,
        "eigenvalue at gamma = 0.1, imaginary part": 5e-7,
        "eigenvalue at gamma = 2": 5e-7,
        "end with R1, gamma = 1": 1e-2,
        "WGAN-GP is still away (1: yes)": 0,
    },
    "07_two_points": {
        "learnt W1 at a = 1.7": 1e-12,
        "derivative of the learnt W1": 1e-12,
        "derivative of JSD at a = 1, s = 0.1": 5e-7,
        "derivative of JSD at a = 1, s = 0.01": 1e-12,
    },
    "08_duality": {"W1 by the linear program": 1e-6, "learnt W1": 0.02 * 1.7315},
    "09_lipschitz": {
        "bound by clipping, 16-128-128-1": 1e-12,
        "true bound of random signs": 3e-4,
        "product of the norms after normalisation": 0.05,
        "mean slope with gradient penalty": 0.12,
        "spread of the slope with gradient penalty": 0.2,
    },
    "10_local_nash": {
        "generator's least curvature, Lanczos less dense": 1e-6,
        "slack of the bilinear game": 0,
        "slack of the monotone game > 0 (1: yes)": 0,
        "least real part of the Jacobian": 0.05,
        "epsilon at the end": 1e-3,
        "slack at the end": 1e-2,
        "the generator could gain alone (1: yes)": 0,
    },
    "11_mixed_strategies": {
        "gap of pure strategies is above 0.4 (1: yes)": 0,
        "gap of mixed strategies": 1e-6,
        "value of the mixed game": 1e-6,
        "weight of the generators at the data": 1e-6,
        "exploitability of the mixture": 1e-6,
    },
    "12_trust_region": {
        "radius of free steps over theory's": 1e-9,
        "squared radius, cut to 0.05": 1e-9,
        "squared radius, cut to 0.02": 1e-9,
        "cut extragradient comes nearer (1: yes)": 0,
    },
    "13_gradient_reversal": {
        "largest difference of gradients": 1e-15,
        "distance of domains with λ = 1 over λ = 0": 0.1,
    },
    "14_collapse": {
        "JSD at the collapsed point": 5e-6,
        "collapsed: curvature in c": 1e-6,
        "collapsed: curvature in s": 1e-6,
        "collapsed: second difference in c": 5e-6,
        "collapsed: second difference in s": 5e-6,
        "cover: curvature in c": 1e-6,
        "cover: curvature in s": 1e-6,
        "middle: curvature in c": 1e-4,
        "middle: curvature in s": 1e-4,
    },
    "15_moments": {
        "objective of the trained critic less |g|": 1e-12,
        "p-values uniform, KS test (1: yes)": 0,
        "share rejected at 5 %": 0.02,
        "share rejected at 5 %, Laplace data": 0.01,
    },
    "16_particles": {
        "gap of extragradient particles": 1e-8,
        "larger KL of particles to a Gibbs density": 1e-2,
    },
    "17_mean_field_game": {
        "gap at the end over the first": 1e-4,
        "mass at T": 1e-12,
        "total variation of particles and grid": 0.05,
    },
    "18_petrov_galerkin": {
        "order of convergence, p = 1": 0.02,
        "order of convergence, p = 2": 0.02,
        "largest residual of a test function": 1e-8,
    },
    "19_reinforce": {
        "policy gradient less the exact one": 1e-12,
        "the baseline lowers the variance (1: yes)": 0,
        "largest error of a pair": 0.02,
        "total variation of words": 0.03,
    },
    "20_imitation": {
        "total variation of occupancies": 1e-6,
        "value of the game": 1e-9,
        "action 1 in state 0": 1e-6,
        "action 1 in state 1": 1e-6,
        "return of the policy under a reward it never saw": 1e-6,
    },
    "21_adversarial_examples": {
        "accuracy, usual training, clean": 0.1,
        "accuracy, usual training, attacked by 0.15": 0.3,
        "accuracy, adversarial training, clean": 0.1,
        "accuracy, adversarial training, attacked by 0.15": 0.5,
    },
    "22_information": {"bound on the information [nats]": 0.1},
    "23_causal": {
        **{f"mean of C under do(B = {b})": 0.15 for b in (-1, 0, 1)},
        **{f"W1 of C under do(B = {b})": 0.25 for b in (-1, 0, 1)},
        **{f"mean of the observed C at B = {b}": 0.2 for b in (-1, 0, 1)},
        "W1 of the observed C at B = 1": 0.2,
        "least squares: mean of C under do(B = 1)": 0.05,
    },
    "24_four_families": {
        **{f"{name}: modes": 0 for name in ("GAN", "diffusion", "autoregression")},
        "flow: modes": 2,
        **{f"{name}: within 3 sigma": 0.85 for name in ("GAN", "flow", "diffusion", "autoregression")},
        **{f"{name}: sliced W1": 0.12 for name in ("GAN", "flow", "diffusion", "autoregression")},
        "flow: log p": 2.5,
        "autoregression: log p": 0.8,
        "integral of the flow's density": 0.01,
    },
}


#: Pages that are run in one process: its start costs more than most pages.
GROUPS = [PAGES[start : start + 6] for start in range(0, len(PAGES), 6)]


@pytest.mark.parametrize("pages", GROUPS, ids=lambda pages: f"{pages[0].stem[:2]}-{pages[-1].stem[:2]}")
def test_pages_agree_with_theory_and_draw_their_figures(pages, tmp_path):
    command = [sys.executable, "-W", "error", Path(__file__).with_name("theory_pages.py")]
    run = subprocess.run(
        [*command, tmp_path / "numbers.json", tmp_path, *pages],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads((tmp_path / "numbers.json").read_text())
    wrong = [
        f"{stem}: {name} is {here}, theory {theory}, tolerance {TOLERANCES[stem].get(name)}"
        for stem, page in found.items()
        for name, (here, theory) in page["numbers"].items()
        if not abs(here - theory) <= TOLERANCES[stem].get(name, -1)
    ]
    assert not wrong, "\n".join(wrong)
    for page in pages:
        assert set(found[page.stem]["numbers"]) == set(TOLERANCES[page.stem])
        assert (tmp_path / f"{page.stem}.png").stat().st_size > 5000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_says_what_is_seen_and_its_source(page):
    text = page.read_text(encoding="utf-8")
    title, line, blank, *_ = text.split('"""\n', 1)[1].splitlines()
    assert len(text.splitlines()) <= 100
    assert len(title) == len(line)
    assert set(line) == {"="}
    assert not blank
    assert "**What to see:**" in text
    assert any(str(year) in text.split('"""')[1] for year in range(1927, 2026)), "no source with its year"


def test_every_tolerance_is_of_a_page():
    assert set(TOLERANCES) == {page.stem for page in PAGES}


def test_a_page_runs_as_a_script(tmp_path):
    out = tmp_path / "figures"
    assert "V(D*) at a = 1: -1.16345 (theory -1.16345)" in run_example("theory/02_jensen_shannon.py", out)
    assert (out / "02_jensen_shannon.png").stat().st_size > 10_000
