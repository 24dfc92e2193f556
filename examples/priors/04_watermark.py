r"""
A watermark: where an image comes from
======================================

Generated images can carry bits that nobody sees: projections on secret patterns are moved to the points
of a lattice (B. Chen, G. W. Wornell, *Quantization index modulation*, IEEE Trans. Inf. Theory 47, 2001).
Who has the key reads them.

**What to see:** images, marked images, and their difference on a scale of its own.

**The number:** all bits are read back after rounding to 8 bits, without the key about half of them; the
difference stays below 0.02 of the range.
"""

import sciadv
from sciadv.data.watermark import Watermark
from sciadv.drawing.example_pages import show
from sciadv.drawing.panels import PanelRow, draw_rows

images = sciadv.Prior.load("fashion").sample(6, seed=0).clamp(0, 1)
words = b"sciadv"
marked = Watermark("a secret").write(images, words)
stored = (marked * 255).round() / 255  # as a PNG of 8 bits has it


def right_bits(key: str) -> float:
    found = Watermark(key).read(stored, len(words))
    wrong = sum((a ^ b).bit_count() for text in found for a, b in zip(text, words, strict=True))
    return 1 - wrong / (8 * len(words) * len(found))


print(f"bits read with the key: {right_bits('a secret'):.3f}")
print(f"bits read with another key: {right_bits('a guess'):.3f}")
print(f"largest change: {float((stored - images).abs().max()):.4f}")

rows = [PanelRow(name, x.numpy(), "image") for name, x in {"images": images, "marked": stored}.items()]
rows.append(PanelRow("difference", (stored - images).numpy(), "residual"))
show(draw_rows(rows, titles=[""] * 6, heading="48 bits in each image"))
