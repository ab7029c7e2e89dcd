"""Runs on disk: specification, folder, state, event log, and the registry that indexes them. No torch."""
