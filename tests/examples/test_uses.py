"""Every example of a use, in its quick setting: it draws, and prints the number that its page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from run_example import EXAMPLES

USES = sorted(page for page in EXAMPLES.glob("*/[0-9]*.py") if page.parent.name != "theory")

#: Least and largest value of a number that an example prints as ``name: value``, by the example.
EXPECTED: dict[str, dict[str, tuple[float, float]]] = {
    "circuits/01_oscillator": {
        "designs that oscillate on fresh parameters, anywhere in the ranges": (20, 100)
    },
    "circuits/02_amplifier": {"designs that do what is asked": (100, 100)},
    "circuits/03_import": {"stable states reached": (2, 2)},
    "circuits/04_knock_outs": {"the whole circuit oscillates": (1, 1), "edges that are needed": (3, 3)},
    "design/01_nanotexture": {"largest error of 5 designs": (0, 1)},
    "design/02_own_physics": {
        "designs that do it": (20, 20),
        "largest relative error": (0, 0.01),
        "largest stress [MPa]": (0, 250),
    },
    "design/03_yield": {"parts within the limits, with a yield": (0.95, 1)},
    "design/04_pareto": {"largest deviation from theory": (0, 0.01), "designs on the front": (10, 20)},
    "design/05_whole_numbers_and_choices": {
        "largest distance to a whole number of turns": (0, 0),
        "largest relative error": (0, 0.01),
    },
    "design/06_coating": {
        "mean reflectance of glass": (0.03, 0.04),
        "mean reflectance of the best design": (0, 0.01),
    },
    "games/01_own_objective": {"modes found": (8, 8)},
    "games/02_fid_trap": {"perfect distances": (2, 2)},
    "games/03_auxiliary_classifier": {
        "accuracy of the classifier on held-out digits": (0.85, 1),
        "samples read as the class asked for": (0.9, 1),
        "spread of a class over that of digits": (0.02, 0.6),
    },
    "games/04_semi_supervised": {
        "K + 1 classes": (0.08, 0.25),
        "labels alone": (0.08, 0.2),
        "difference": (-0.05, 0.1),
    },
    "games/05_image_to_image": {
        "low dose, squared error": (0.004, 0.005),
        "linear, squared error": (0.003, 0.004),
        "Pix2Pix, squared error": (0.002, 0.00443),
        "truth, misfit [sigma]": (0.98, 1.02),
    },
    "games/06_few_labels": {
        "50 labels, accuracy from the labels alone": (0.7, 0.95),
        "50 labels, gain of and distorted": (-0.02, 0.1),
        "50 labels, gain of and generated": (-0.3, 0.05),
    },
    "games/07_progressive_growing": {
        "growing, steps": (10, 2000),
        "growing, Frechet distance": (3, 60),
        "real garments, Frechet distance": (1, 4),
    },
    "omics/01_correct": {"after, batch unpredictability": (0.8, 1.3)},
    "omics/02_covariates": {
        "rank correlation with the run order before": (0.5, 1),
        "rank correlation with the run order after": (0, 0.2),
    },
    "omics/03_new_batch": {
        "new cells with their true type": (0.9, 1),
        "largest change of known cells": (0, 0),
    },
    "omics/04_refusal": {"designs refused": (1, 1)},
    "priors/01_own_data": {"mean squared error": (0, 0.05)},
    "priors/02_pretrained_generator": {
        "misfit in w+ (30 latents) [sigma]": (0, 1.1),
        "misfit in z (4 latents) [sigma]": (3, 9),
    },
    "priors/03_interpolation": {"share of threes read as 8 after the step": (0.5, 1)},
    "priors/04_watermark": {
        "bits read with the key": (1, 1),
        "bits read with another key": (0.35, 0.65),
        "largest change": (0, 0.02),
    },
    "priors/05_mode_collapse": {
        "alarms for held-out data": (0, 0),
        "alarms for digits 0 to 4 alone": (1, 1),
        "alarms for half the contrast": (1, 1),
    },
    "reconstruct/01_own_operator": {"mean squared error": (0, 0.008)},
    "reconstruct/02_operator_of_pylops": {
        "misfit [sigma]": (0.9, 1.1),
        "dot test, relative error": (0, 1e-4),
    },
    "reconstruct/03_wrong_noise_level": {
        "misfit where the noise is 1.0 times the stated one": (0.75, 1.05),
        "misfit where the noise is 5.0 times the stated one": (3.7, 5.3),
        "misfit where the noise is 0.2 times the stated one": (0.1, 0.3),
    },
    "reconstruct/04_outliers": {"error under Student's t over that under the Gaussian": (0, 0.5)},
    "reconstruct/05_is_my_answer_right": {
        "coverage of 90 % intervals": (0.85, 0.95),
        "squared error over variance": (0.7, 1.4),
    },
    "reconstruct/06_how_many_measurements": {
        "error of the search over that of lmmse, m = 25": (0, 0.95),
        "error of the search over that of lmmse, m = 200": (1.5, 9),
    },
    "reconstruct/07_posterior_maps": {
        "misfit of the draws [sigma]": (0.8, 1.2),
        "mean standard deviation": (0.02, 1),
    },
    "reconstruct/08_phase_retrieval": {
        "digits read correctly after levenberg-marquardt": (6, 6),
        "digits read correctly after wirtinger-flow": (0, 3),
    },
    "reconstruct/09_inpainting": {"digits read correctly after auto": (10, 12), "misfit [sigma]": (0.9, 1.1)},
    "reconstruct/10_deblurring": {"misfit [sigma]": (0.8, 1.2)},
    "reconstruct/11_super_resolution": {"residual, root mean square [counts]": (0, 0.6)},
    "reconstruct/12_ct_sparse_view": {"PSNR of learned-tv less that of fbp [dB]": (5, 20)},
    "reconstruct/13_mri": {"PSNR of lmmse less that of the zero-filled image [dB]": (1, 20)},
    "reconstruct/14_crosshole_radar": {
        "residual, root mean square [ns]": (0.8, 1.3),
        "cells of the right facies": (0.95, 1),
    },
    "reconstruct/15_labelled_arrays": {"largest R-hat": (0.99, 1.2)},
    "tutorials/01_reconstruct": {"PSNR of learned-tv [dB]": (27, 33), "PSNR of fbp [dB]": (15, 22)},
    "tutorials/02_design": {"largest relative error": (0, 0.01)},
    "tutorials/03_circuits": {"period of the repressilator [min]": (124, 127)},
    "tutorials/04_correct": {"batch unpredictability after": (0.7, 1.3)},
}


def name_of(page: Path) -> str:
    return page.relative_to(EXAMPLES).with_suffix("").as_posix()


def numbers(said: str) -> dict[str, float]:
    """Return what was printed as ``name: value``."""
    found = re.findall(r"^(.+?): (-?[\d.]+(?:e[+-]?\d+)?)", said, re.M)
    return {name: float(value) for name, value in found}


#: Examples of one folder run in one process: its start costs more than most of them.
FOLDERS = sorted({page.parent.name for page in USES})


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_examples_of_a_folder_draw_and_print_what_their_pages_say(folder: str, tmp_path: Path) -> None:
    pages = [page for page in USES if page.parent.name == folder]
    quiet = ["-W", "error", "-W", "ignore:`torch.jit.script`:DeprecationWarning"]  # torch's own forward mode
    run = subprocess.run(
        [sys.executable, *quiet, Path(__file__).with_name("use_pages.py"), tmp_path / "said.json", *pages],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads((tmp_path / "said.json").read_text())
    for page in pages:
        here = found[name_of(page)]
        shown = numbers(here["said"])
        for name, (low, high) in EXPECTED[name_of(page)].items():
            assert low <= shown[name] <= high, f"{page}: {name}: {shown[name]}"
        assert here["drawn"], f"{page} draws nothing"
        assert min(here["drawn"]) > 2000


@pytest.mark.parametrize("page", USES, ids=name_of)
def test_an_example_is_short_and_says_what_is_seen_and_its_number(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    title, line, blank, *_ = text.split('"""\n', 1)[1].splitlines()
    assert len(text.splitlines()) <= (140 if page.parent.name == "tutorials" else 110)
    assert len(title) == len(line)
    assert set(line) == {"="}
    assert not blank
    assert "**What to see:**" in text
    assert "**The number:**" in text


def test_every_example_has_its_number_checked() -> None:
    assert set(EXPECTED) == {name_of(page) for page in USES}
    assert len(USES) >= 25
