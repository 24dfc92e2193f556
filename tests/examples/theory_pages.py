"""Run pages of the theory gallery in one process, as a site would build them; the numbers go to a file.

Run as ``python tests/examples/theory_pages.py NUMBERS.json FIGURES PAGE ...``: warnings are errors when
Python is started so.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt


def run_page(page: Path, figures: Path) -> dict[str, object]:
    """Run one page in its quick setting; return its numbers, and its processor time in seconds."""
    start = time.process_time()
    spec = importlib.util.spec_from_file_location(f"theory_{page.stem}", page)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    numbers = module.main(quick=True)
    plt.savefig(figures / f"{page.stem}.png", dpi=60)
    plt.close("all")
    return {"numbers": numbers, "seconds": time.process_time() - start}


if __name__ == "__main__":
    found = {Path(name).stem: run_page(Path(name), Path(sys.argv[2])) for name in sys.argv[3:]}
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
