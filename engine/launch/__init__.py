"""Processes: starting, watching, stopping and resuming runs, and the programs that run in them."""
