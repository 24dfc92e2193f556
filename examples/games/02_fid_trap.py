r"""
A collapsed generator with a Frechet distance of zero
=====================================================

The Frechet distance compares means and covariances of features f(x) of real and of generated images,

.. math:: d^2 = |m_r - m_g|^2 + \text{tr}(S_r + S_g - 2 (S_r^{1/2} S_g S_r^{1/2})^{1/2}).

It sees what f sees. Here the generator has collapsed: it draws ones, never another digit. A classifier
of digits notices; the same classifier with a dead last layer, and a network that sees the left corners
of the image only, give a perfect distance. Coverage, modes, the features' rank and the distance between
two real sets (the floor) tell.

**What to see:** what the generator makes, and the distance in each of three feature spaces.

**The number:** 2 of 3 distances are perfect, and the report catches both.
"""

# %%
# The data: 8 x 8 digits, no download
import sys

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from sciadv.data.datasets import load_images
from sciadv.drawing.example_pages import show
from sciadv.metrics import classify, compare_samples
from sciadv.nets import ConvClassifier

quick = "--quick" in sys.argv  # seconds instead of minutes
steps = 150 if quick else 600

data = load_images("digits-8")
images = data.grey()
labels = torch.from_numpy(data.labels.astype("int64"))
numbers = torch.Generator().manual_seed(0)
torch.manual_seed(0)

# %%
# An honest feature network: the classifier of the digits
classifier = ConvClassifier(image_shape=(1, 8, 8), channels=16)
optimizer = torch.optim.Adam(classifier.parameters(), lr=2e-3)
for _ in range(steps):
    batch = torch.randint(len(images), (64,), generator=numbers)
    optimizer.zero_grad()
    functional.cross_entropy(classifier(images[batch]), labels[batch]).backward()
    optimizer.step()


# %%
# Two flawed ones, as they happen: a ReLU that never fires, a field of view without the object
class Flawed(nn.Module):
    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def features(self, x: Tensor) -> Tensor:
        if self.what == "dead layer":
            return (classifier.features(x) - 1e3).relu()
        return x[:, 0, [0, -1], 0]

    def forward(self, x: Tensor) -> Tensor:
        return classifier(x)


# %%
# The collapsed generator
def collapsed(n: int) -> Tensor:
    ones = images[labels == 1]
    x = ones[torch.randint(len(ones), (n,), generator=numbers)]
    return (x + 0.02 * torch.randn(x.shape, generator=numbers) * (x > 0)).clamp(0, 1)


# %%
# The report in each of the three feature spaces
order = torch.randperm(len(images), generator=numbers)
real, second = images[order].chunk(2)
networks = {"classifier": classifier, "dead layer": Flawed("dead layer"), "corners": Flawed("corners")}
reports = {}
for name, network in networks.items():
    sets = [classify(network, x) for x in (collapsed(len(second)), real, second)]
    reports[name] = compare_samples(*sets)
    report = reports[name]
    print(f"{name}: Frechet distance {report.frechet:.3g}, between real sets {report.frechet_floor:.3g}")
    print("".join(f"    {flag}\n" for flag in report.flags), end="")

# %%
# One figure and one number
figure = Figure(figsize=(7, 3), layout="constrained")
left, right = figure.subplots(1, 2)
left.imshow(torch.cat([*collapsed(6)[:, 0]], 1).numpy(), cmap="gray")
left.set(title="what the generator makes", xticks=[], yticks=[])
places = torch.arange(len(reports)).numpy()
for shift, name in ((-0.2, "frechet"), (0.2, "frechet_floor")):
    heights = [getattr(report, name) for report in reports.values()]
    right.bar(places + shift, heights, 0.4, label={"frechet": "generator"}.get(name, "real data"))
right.set(title="Frechet distance", yscale="symlog", xticks=places, xticklabels=list(reports))
right.legend()
show(figure)
fooled = [name for name, report in reports.items() if report.frechet <= 3 * report.frechet_floor + 1e-9]
caught = [name for name in fooled if reports[name].flags]
print(f"perfect distances: {len(fooled)} of {len(reports)}, caught by the report: {len(caught)}")
