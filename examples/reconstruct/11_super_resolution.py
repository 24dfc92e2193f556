r"""
Super-resolution of real measurements: the UCI digits
=====================================================

The UCI digits are counts of ink in blocks of 4 x 4 pixels of bitmaps that were never published. The
generator has seen MNIST only; the search finds bitmaps of 32 x 32 whose blocks have these counts.

**What to see:** the 8 x 8 counts, the bitmaps, what they predict and what is left.

**The number:** the root mean square of the residual is below 0.6 counts of 16.
"""

import sciadv
from sciadv.drawing.example_pages import show

problem = sciadv.load_problem("digits-superresolution").subset(slice(8))
solution = sciadv.solve(problem, "levenberg-marquardt", diagnose=None)
residual = problem.forward(solution.x) - problem.measurements
print(f"residual, root mean square [counts]: {float(residual.square().mean().sqrt()):.2f}")
show(solution.plot(n_examples=8))
