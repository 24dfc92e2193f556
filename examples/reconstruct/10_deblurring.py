r"""
Deblurring: garments out of focus
=================================

A Gaussian blur of two pixels takes away what is finer than that. Inverting it would amplify the noise;
the search stays with images that the generator, and what is known of its residual, hold for likely.

**What to see:** blurred test images of Fashion-MNIST, the answers and what they predict.

**The number:** the misfit is about 1 in units of the noise: no more is explained than the data hold.
"""

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.files.folders import find_entry

problem = sciadv.load_problem(find_entry("problems", "deblurring") / "fashion.toml").subset(slice(6))
solution = sciadv.solve(problem, "representation-error", diagnose=None)
print(f"misfit [sigma]: {float(solution.misfit.mean()):.2f}")
print(f"largest change from the blurred image: {float((solution.x - problem.measurements).abs().max()):.2f}")
show(solution.plot())
