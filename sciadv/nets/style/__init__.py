"""Style-type generators: modulated convolutions behind a mapping network."""
