"""Matrices in terminal cells and pictures."""
