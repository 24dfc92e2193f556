r"""
Phase retrieval: digits from magnitudes alone
=============================================

A detector measures :math:`y = |A x| + \text{noise}`: the phase is lost, and the problem is no longer
convex. From half as many random magnitudes as pixels no method without a prior recovers the image; a
generator with 20 latents does.

**What to see:** the answers for real test digits, and what they leave of the data.

**The number:** all 6 digits are read correctly by a classifier after the search in the generator's range,
next to none after Wirtinger flow, which has no prior. (`auto` leaves the range and explains the data to the
noise level: `sciadv bench phase-retrieval`.)
"""

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.files.folders import find_entry
from sciadv.metrics import load_classifier

problem = sciadv.load_problem("phase-retrieval").subset(slice(6))
classifier = load_classifier(find_entry("priors", "mnist"))
solutions = {}
for method in ("levenberg-marquardt", "wirtinger-flow"):
    solutions[method] = sciadv.solve(problem, method, diagnose=None)
    read = classifier(solutions[method].x.clamp(0, 1)).argmax(1)
    print(f"digits read correctly after {method}: {int((read == problem.labels).sum())} of 6")
show(solutions["levenberg-marquardt"].plot())
