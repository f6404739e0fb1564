"""Regressions with effects of units and periods, and what they average."""
