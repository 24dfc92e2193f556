"""Gene circuits: signed directed graphs with Hill kinetics, their behaviours, and their design."""
