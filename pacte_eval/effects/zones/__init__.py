"""Zones rather than persons: what differential intensity of training did to a zone's outcomes."""
