"""The keys of the logs screen."""

from cr_tui.dashboard.keys.key import Key

KEYS = (
    Key("f", "follow", "Follow", "stay at the end as the log grows, or not", "logs"),
    Key("slash", "search", "Search", "find a text", "logs", "/"),
    Key("n", "next_match", "Next", "go to the next line that has it", "logs"),
    Key("N", "previous_match", "Previous", "go to the previous line that has it", "logs", footer=False),
    Key("right_square_bracket", "next_run", "Next run", "show the next run's log", "logs", "]"),
    Key(
        "left_square_bracket", "previous_run", "Previous run", "show the previous run's log", "logs", "[", footer=False
    ),
    Key("l,right", "scroll_on", "Right", "see what lines have further right", "logs", footer=False, palette=False),
    Key("h,left", "scroll_back", "Left", "go back to the left", "logs", footer=False, palette=False),
    Key("e", "next_error", "Error", "go to the next line that looks like an error", "logs"),
    Key("E", "previous_error", "Error before", "go to the previous line that does", "logs", footer=False),
    Key("w", "wrap", "Wrap", "break long lines at the edge, or cut them", "logs"),
    Key("t", "times", "Times", "when lines were written, as far as that is known", "logs"),
    Key("c", "copy", "Copy", "copy the lines on the screen", "logs"),
    Key("escape", "back", "Back", "go back", "logs", "esc", palette=False),
)
