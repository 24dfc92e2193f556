"""Networks of signed edges as files: Boolean rules, SBML-qual, edge lists and CircuiTree's texts."""
