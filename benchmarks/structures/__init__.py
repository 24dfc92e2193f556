"""Benches of designs that are images: cells of two phases, and beams."""
