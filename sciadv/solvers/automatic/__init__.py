"""The default: which solver for which problem, and how far out of the range."""
