"""The form for new runs."""
