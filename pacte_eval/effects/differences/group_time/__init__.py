"""Effects by group and period (Callaway and Sant'Anna), their averages and their pre-test."""
