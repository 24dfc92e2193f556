"""Generators as others write them: any inputs and outputs, behind one row of standard normal numbers."""
