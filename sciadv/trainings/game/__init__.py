"""A game being trained: parts, losses, steps, report."""
