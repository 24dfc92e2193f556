"""Labels of further cells, carried over from those of the fit."""
