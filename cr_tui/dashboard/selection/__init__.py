"""The selection screen: the matrix and the ranking of a pool."""
