"""What supervisors are made of: the run they watch, its worker, the signals they get, and the site where they work."""
