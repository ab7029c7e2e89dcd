"""The logs screen."""
