r"""
Has a generator collapsed? A test with a stated rate of false alarms
====================================================================

Real data are split into halves many times: how one half lies among the other is what good samples may
show. Samples take the place of a half; an alarm is a number lower than in all but 2 % of the splits.
Nothing is known of the faults beforehand.

**What to see:** share of real data covered by each set of samples, beside that of real data.

**The number:** no alarm for held-out data; alarms for samples of half of the classes and for shrunken
samples.
"""

import matplotlib.pyplot as plt
import torch

from sciadv.data.datasets import load_images
from sciadv.metrics import CollapseTest

data = load_images("digits-8")
order = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(0))
images, labels = data.grey()[order], torch.from_numpy(data.labels.astype("int64"))[order]
test = CollapseTest(images[:1000], n_fake=140)
held_out, kinds = images[1000:], labels[1000:]
samples = {
    "held-out data": held_out[:140],
    "digits 0 to 4 alone": held_out[kinds < 5][:140],
    "half the contrast": 0.5 * held_out[:140],
}
covered = {}
for name, fake in samples.items():
    report = test(fake)
    covered[name] = report.values["coverage"]
    print(f"alarms for {name}: {int(report.fired)}")
    print("   ", *report.sentences[:1])

figure, axis = plt.subplots(figsize=(6, 2.4), layout="constrained")
axis.barh(list(covered), list(covered.values()), color="0.6")
axis.axvline(report.floors["coverage"], color="C1", label="real data")
axis.set(xlabel="share of real data covered")
axis.legend(loc="lower right")
plt.show()
