"""What circuits do, by their trajectories: one behaviour a file, and how robustly they do it."""
