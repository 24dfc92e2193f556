r"""
Inpainting: a digit from a fifth of its pixels
==============================================

The operator keeps 157 of 784 pixels. What is between them comes from the generator, and the residual's
learned covariance mends what it cannot represent.

**What to see:** answers for real test digits that no image is shipped of, only their measurements.

**The number:** the misfit is about 1 in units of the noise for all of them; the estimates of `lmmse` and
of `auto` differ by their class as a classifier reads it.
"""

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.files.folders import find_entry
from sciadv.metrics import load_classifier

problem = sciadv.load_problem("inpainting")
solution = sciadv.solve(problem, diagnose=None)
linear = sciadv.solve(problem, "lmmse", diagnose=None)
classifier = load_classifier(find_entry("priors", "mnist"))
for name, found in {"auto": solution, "lmmse": linear}.items():
    right = classifier(found.x.clamp(0, 1)).argmax(1) == problem.labels
    print(f"digits read correctly after {name}: {int(right.sum())} of {len(right)}")
print(f"misfit [sigma]: {float(solution.misfit.mean()):.2f}")
show(solution.plot(n_examples=6))
