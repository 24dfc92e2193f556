"""Reaction networks as files: SBML and Antimony, both ways, and circuits recognised among them."""
