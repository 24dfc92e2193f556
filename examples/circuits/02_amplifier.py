r"""
Operational amplifiers with a given gain, speed and phase margin
================================================================

.. math:: (G + s C) x = b, \quad H(s) = x_\text{out}, \quad |H(2 \pi i f_u)| = 1, \quad
          \text{PM} = 180° + \arg H(2 \pi i f_u) / H(0)

is solved for thousands of circuits of different topologies in one batch. First a netlist comes in and is
analysed: figures, poles, noise, and what each element does to the speed. Then a search chooses stages,
branches and values, and what it finds is solved again by ngspice where that is installed.

**What to see:** gain over frequency of designs of different topologies for one target.

**The number:** 100 % of the designs do what is asked.
"""

# %%
# A netlist comes in: a Miller amplifier with a nulling resistor
import sys

import torch
from matplotlib.figure import Figure

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.physics.small_signal.analysis import grouped, responses
from sciadv.physics.small_signal.elements import Elements, assemble
from sciadv.physics.small_signal.figures import figures
from sciadv.physics.small_signal.netlist import elements_of, output_of
from sciadv.physics.small_signal.netlist_checks import checked_netlist
from sciadv.physics.small_signal.noise import integrated, output_noise
from sciadv.physics.small_signal.poles_and_zeros import poles_and_zeros
from sciadv.physics.small_signal.spice_reader import read_spice

quick = "--quick" in sys.argv  # seconds instead of minutes

text = """Miller amplifier
V1 in 0 ac 1
M1 a in 0 0 gm=0.2m gds=2u cgs=50f cgd=5f
M2 out a 0 0 gm=2m gds=20u cgs=200f cgd=20f
Rz a z 500
Cc z out 1p
CL out 0 2p
.end"""
miller = checked_netlist(read_spice(text))
(group,) = grouped([miller], ["out"])
found = figures(group.system, group.output)
decibels, degrees = 20 * found.gain.abs().log10(), found.phase_margin.rad2deg()
print(f"gain {float(decibels):.1f} dB, unity at {float(found.unity_gain_frequency):.3g} Hz")
print(f"phase margin {float(degrees):.1f} degrees")
roots = poles_and_zeros(group.system, group.output).poles
print("poles [rad/s]:", ", ".join(f"{float(root.real):.3g}" for root in roots[roots.isfinite()]))

# %%
# Its noise, and what each element does to the unity-gain frequency
table = elements_of([miller])
output = output_of([miller], "out", assemble(table).source.shape[1])
f = torch.logspace(0, 11, 221, dtype=torch.float64)
density = output_noise(table, assemble(table), output, 2j * torch.pi * f, gamma=2 / 3)
print(f"noise at the output: {float(integrated(density, f)) ** 0.5:.2g} V")
log_value = table.value.abs().log().requires_grad_()
sized = Elements(table.kind, table.nodes, table.value.sign() * log_value.exp(), table.n_nodes)
speed = figures(assemble(sized), output).unity_gain_frequency.log().sum()
(slopes,) = torch.autograd.grad(speed, log_value)
strongest = 1 + slopes[0, 1:].abs().argsort(descending=True)[:3]  # the source is the first
said = [f"{miller.components[i].name} {float(slopes[0, i]):+.2f}" for i in strongest.tolist()]
print("d log f_u / d log value:", ", ".join(said))

# %%
# The search: stages, branches and values for a target
target = {"gain": "80 dB", "unity_gain_frequency": "1 GHz", "phase_margin": "60 deg"}
designs = sciadv.design("analog-amplifier", target, 3 if quick else 9)
print("\n".join(designs.messages))
print(*designs.files["design-001.cir"].splitlines()[:6], sep="\n")

# %%
# One figure and one number
netlists = [read_spice(one) for one in designs.files.values()]
H = responses(netlists, ["out"] * len(netlists), f).numpy()
figure = Figure(figsize=(6, 4), layout="constrained")
axes = figure.subplots()
axes.loglog(f, abs(H).T, linewidth=0.9)
axes.axhline(1, color="black", linewidth=0.6)
axes.set(xlabel="frequency [Hz]", ylabel="gain", title="amplifiers of different topologies, one target")
show(figure)
print(f"designs that do what is asked: {designs.n_good / len(designs.x):.0%}")
