"""This machine: its processor, cores, GPUs and processes."""
