"""Designs that weight: by the score, or by what balances the covariates."""
