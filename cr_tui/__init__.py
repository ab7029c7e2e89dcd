"""The face of crtui: the command line, the dashboard and what they draw. It asks the engine and computes nothing."""
