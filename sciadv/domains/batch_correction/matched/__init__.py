"""The residual correction: cells of batches matched by soft clusters, and moved no further than needed."""
