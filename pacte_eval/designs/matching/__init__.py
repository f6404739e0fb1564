"""Designs that match: neighbours, kernels, pairs, classes and cells, and how they are searched."""
