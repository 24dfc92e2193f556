"""Fits of one network by one optimizer: a classifier, an encoder of a generator's samples."""
