"""Circuits as the files and graphs of other programs."""
