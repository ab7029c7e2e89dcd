"""The keys of the system screen."""

from cr_tui.dashboard.keys.key import Key

KEYS = (Key("escape", "back", "Back", "go back", "system", "esc", palette=False),)
