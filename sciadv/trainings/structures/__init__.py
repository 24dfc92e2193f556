"""Trainings of generators of structures: periodic cells, and beams."""
