"""Design: candidates that have a target property, found by the same search as everything else."""

from sciadv.designs.verb import DESIGNERS, Designer, Designs, design, design_names

__all__ = ["DESIGNERS", "Designer", "Designs", "design", "design_names"]
