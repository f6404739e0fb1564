"""The same effects by one regression or by imputation: controls are common to all groups."""
