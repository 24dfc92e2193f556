"""The linear correction: ComBat, fitted to the moments of groups of cells."""
