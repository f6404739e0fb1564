"""Scores of treatment and rules of common support: what `score=` and `support=` mean."""
