"""The charts screen: curves of the chosen runs."""
