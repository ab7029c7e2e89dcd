"""Curves in terminal cells and pictures."""
