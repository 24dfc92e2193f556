"""Cells that come later: further batches onto a fitted reference, and labels carried over to them."""
