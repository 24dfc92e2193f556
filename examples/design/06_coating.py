r"""
A coating of four films against reflection
==========================================

The reflectance of a stack of films follows from products of 2 x 2 matrices, one a film, and has exact
derivatives in the thicknesses. Asked for: little reflectance from glass between 450 and 650 nm.

**What to see:** reflectance of the designs over the wavelength, and that of bare glass.

**The number:** the mean reflectance of the best design is below 0.01; glass alone reflects about 0.04.
"""

import matplotlib.pyplot as plt
import torch

import sciadv
from sciadv.catalogue import untrained_prior
from sciadv.forward import Coating

forward = Coating(
    (4,),
    bands=[(450e-9, 650e-9, 41, 0.0)],
    materials=("TiO2", "MgF2"),
    substrate="SiO2",
    properties=("unwanted_reflectance",),
    thicknesses=(5e-9, 2e-7),
    dtype=torch.float64,
)
prior = untrained_prior(forward)
problem = sciadv.Problem(
    prior, forward, sciadv.Tolerance(0.01, is_relative=True), forward(prior.example), 0.0, "coating"
)
designs = sciadv.design(problem, {"unwanted_reflectance": "minimise"}, 6)
print(*designs.messages, sep="\n")
bare = forward(torch.zeros(1, 4, dtype=torch.float64))
print(f"mean reflectance of glass: {float(bare):.4f}")
print(f"mean reflectance of the best design: {float(forward(designs.x).min()):.5f}")

figure, axis = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
wavelength = torch.linspace(450, 650, 41)
axis.semilogy(wavelength, forward.reflectance(designs.x).T, linewidth=0.9)
axis.semilogy(wavelength, forward.reflectance(torch.zeros_like(designs.x[:1]))[0], "k--", label="bare glass")
axis.set(xlabel="wavelength [nm]", ylabel="reflectance")
axis.legend()
plt.show()
