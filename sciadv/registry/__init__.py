"""From names in files to parts: the registry, what a file may say of a part, and checks of constructors."""
