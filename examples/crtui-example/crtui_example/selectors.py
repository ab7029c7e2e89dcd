"""The entries of our selection methods. They are read for every list, so nothing heavy is imported here."""

from engine.choosing.methods import SelectionMethod

MOST_TRAINED = SelectionMethod(
    "crtui_example.most_trained:rank", "Updates", "Upd.", "the number of updates", needs_one_dataset=False
)
