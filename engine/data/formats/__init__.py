"""Kinds of files that hold arrays."""
