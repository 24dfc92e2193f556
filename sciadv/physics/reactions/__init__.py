"""Reaction networks: what a kinetic model says, its equations as tensors, and their trajectories."""
