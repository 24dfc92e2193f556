"""Draw figure.png: test slices by each method, and how sure the answer is."""

from pathlib import Path

from benchmarks.scans.scans import CT
from benchmarks.scans.scans_picture import show_slices

if __name__ == "__main__":
    show_slices(CT, "16 views", tv_weight=40.0).savefig(Path(__file__).with_name("figure.png"), dpi=100)
