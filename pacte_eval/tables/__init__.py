"""Administrative tables: the contract they follow, where they lie, and whether they keep to it."""
