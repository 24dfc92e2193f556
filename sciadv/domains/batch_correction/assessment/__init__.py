"""How well a correction did: probes fitted anew, the scores of scIB, and flat maps."""
