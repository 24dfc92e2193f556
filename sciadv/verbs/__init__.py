"""The verbs: each takes a problem, a name of the catalogue or a path, and returns what was found."""
