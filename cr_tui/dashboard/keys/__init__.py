"""What keys mean, and that they arrive in order."""
