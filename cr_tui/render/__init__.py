"""Arrays turned into terminal cells and picture files. Nothing here knows of runs, stores or screens."""
