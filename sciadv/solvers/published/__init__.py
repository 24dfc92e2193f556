"""Published methods that expand the range of a generator, with the settings of their authors."""
