"""The dashboard's screens, one a file with its style beside it."""
