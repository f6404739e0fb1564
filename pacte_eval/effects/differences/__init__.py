"""Difference-in-differences: who is treated when, against who is not yet, period by period."""
