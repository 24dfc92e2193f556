"""Benches of tomography, waves and phases."""
