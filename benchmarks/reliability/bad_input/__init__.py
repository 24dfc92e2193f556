"""Bad input: tables of values and files, and the cases that they make of each entry and command."""
