"""The published and embedded datasets."""
