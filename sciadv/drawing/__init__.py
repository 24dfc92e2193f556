"""Drawing of arrays: figures without a window, rows of panels on one scale, cards for notebooks."""
