"""Every Python entry checks its arguments once: right values are taken, wrong ones refused in a sentence."""

import json
import re
import subprocess
import sys
from pathlib import Path

import boundary_cases
import pytest


@pytest.fixture(scope="module")
def outcomes():
    """Return what each case gives, found in a process without the tests' type checker."""
    ran = subprocess.run(
        [sys.executable, "-m", "boundary_cases"],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    return json.loads(ran.stdout)


@pytest.mark.parametrize("name", boundary_cases.TAKEN)
def test_right_values_are_taken(name, outcomes):
    assert outcomes[name] == ""


@pytest.mark.parametrize("name", boundary_cases.REFUSED)
def test_wrong_values_are_refused_in_a_sentence(name, outcomes):
    assert re.match(f"sentence: .*{boundary_cases.REFUSED[name][1]}", outcomes[name]), outcomes[name]
