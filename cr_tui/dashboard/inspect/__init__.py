"""The inspect screen: what each code of a run does."""
