"""The training loop and checkpoints. Knows no method by name."""
