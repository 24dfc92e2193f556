"""How sure corrected values are: a model of counts, solved for each cell, and intervals."""
