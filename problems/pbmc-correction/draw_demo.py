"""Draw `demo.png`: the cells of pbmc_symphony before and after the correction; labels colour it only.

Run: python problems/pbmc-correction/draw_demo.py
"""

from pathlib import Path

from benchmarks.biology.omics_sets import read_set
from sciadv import BatchCorrector
from sciadv.domains.batch_correction.assessment.flat_maps import flat_map, map_name
from sciadv.report.plotting import plot_maps

adata = read_set("pbmc_symphony")
corrector = BatchCorrector("batch", seed=0).fit(adata)
maps = {"before": flat_map(corrector.uncorrected(adata)), "after": flat_map(corrector.embed(adata))}
groups = {"batch": adata.obs["batch"].to_numpy(str), "cell type": adata.obs["label"].to_numpy(str)}
plot_maps(maps, groups, what=map_name()).savefig(Path(__file__).with_name("demo.png"), dpi=90)
