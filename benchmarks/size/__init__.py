"""Real size: time, memory and errors of spatial priors on images and volumes of growing size."""
