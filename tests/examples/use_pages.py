"""Run examples of uses in one process, as a site would build them; what they print goes to a file.

Run as ``python tests/examples/use_pages.py SAID.json EXAMPLE ...`` in the folder for what they write:
warnings are errors when Python is started so.
"""

from __future__ import annotations

import io
import json
import runpy
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib.pyplot as plt


def run_use(example: Path) -> dict[str, object]:
    """Run one example in its quick setting; return its words, its figures' sizes, and its seconds."""
    start = time.process_time()
    sys.argv = [str(example), "--quick"]
    said = io.StringIO()
    with redirect_stdout(said):
        runpy.run_path(str(example), run_name="__main__")
    drawn = []
    for number in plt.get_fignums():
        picture = f"{example.parent.name}_{example.stem}_{number}.png"
        plt.figure(number).savefig(picture, dpi=60)
        drawn.append(Path(picture).stat().st_size)
    plt.close("all")
    return {"said": said.getvalue(), "drawn": drawn, "seconds": time.process_time() - start}


if __name__ == "__main__":
    plt.show = lambda: None  # no window, and no warning that there is none
    pages = [Path(name) for name in sys.argv[2:]]
    said_file = Path(sys.argv[1])
    found = {f"{page.parent.name}/{page.stem}": run_use(page) for page in pages}
    said_file.write_text(json.dumps(found), encoding="utf-8")
