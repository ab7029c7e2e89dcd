"""The specification of a run: its model, and how it is resolved from what was asked for."""
