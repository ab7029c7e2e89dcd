"""Every key of the dashboard in one table; bindings, footer, help and command palette are made from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Place = Literal[
    "everywhere",
    "runs",
    "charts",
    "selection",
    "matrix",
    "inspect",
    "logs",
    "system",
    "table",
    "form",
    "field",
    "ranking",
    "dialog",
    "help",
]
"""Where a key works: on every screen, on one of them, in tables, in the form for new runs and while
a value is typed there, in questions, in help."""

PLACE_TITLES: dict[Place, str] = {
    "runs": "Runs",
    "charts": "Charts",
    "selection": "Selection",
    "matrix": "In the matrix",
    "inspect": "Inspect",
    "logs": "Logs",
    "system": "System",
    "table": "In every table",
    "form": "In the form for new runs",
    "field": "While a value is typed there",
    "ranking": "In the form for a ranking",
    "dialog": "In a question",
    "help": "In this help",
    "everywhere": "Everywhere",
}


@dataclass(frozen=True)
class Key:
    """One key and what it does.

    Args:
        keys: Textual's names of the keys, comma-separated; the first is the one shown.
        action: the action it dispatches; with the place it makes the key's id.
        label: one word for the footer.
        help: what it does, for help and palette.
        place: where it works.
        shown: how the key is written for readers; Textual's name when empty.
        footer: whether the footer lists it.
        changes: whether it changes anything on disk, so that read-only mode withholds it.
        palette: whether the command palette offers it.
    """

    keys: str
    action: str
    label: str
    help: str
    place: Place
    shown: str = ""
    footer: bool = True
    changes: bool = False
    palette: bool = True

    @property
    def id(self) -> str:
        """The name by which a user's configuration can give it another key."""
        return f"{self.place}.{self.action}"

    @property
    def display(self) -> str:
        """The first key as readers know it."""
        return self.shown or self.keys.partition(",")[0]


KEYS: tuple[Key, ...] = (
    Key("n", "new_run", "New", "start new runs", "runs", changes=True),
    Key("s", "stop_run", "Stop", "stop marked runs or this one, at a checkpoint", "runs", changes=True),
    Key("r", "resume_run", "Resume", "go on from the newest checkpoint", "runs", changes=True),
    Key("e", "duplicate_run", "Again", "start a run like this one, edited", "runs", footer=False, changes=True),
    Key("d", "delete_run", "Delete", "delete the marked runs, or this one", "runs", footer=False, changes=True),
    Key("u", "undo", "Undo", "bring back deleted runs, marks, or the filter", "runs", footer=False),
    Key("m", "open_selection", "Matrix", "rank the run's group without labels", "runs"),
    Key("t,enter", "open_inspect", "Traverse", "see what each latent code does", "runs"),
    Key("space", "mark", "Mark", "mark the run; charts overlay the marked", "runs", "␣"),
    Key("a", "mark_all", "Mark all", "mark all that are listed, or none", "runs", footer=False),
    Key("z", "fold", "Fold", "fold the run's group into a line, or unfold it", "runs", footer=False),
    Key("Z", "fold_all", "Fold all", "fold or unfold every group", "runs", footer=False),
    Key("slash", "filter", "Filter", "show some: status:f lr<=1e-3 score.mig>0.2", "runs", "/"),
    Key("o", "sort_next", "Sort", "sort by the next column", "runs", footer=False),
    Key("i", "sort_previous", "Sort back", "sort by the previous column", "runs", footer=False),
    Key("O", "sort_reverse", "Reverse", "turn the order round", "runs", footer=False),
    Key("l,right", "more_columns", "Columns", "show the next columns", "runs", footer=False),
    Key("h,left", "fewer_columns", "Columns back", "show the previous columns", "runs", footer=False),
    Key("v", "next_view", "View", "charts, more charts, log of the run", "runs"),
    Key("y", "copy", "Copy", "copy the id of the run", "runs", footer=False),
    Key("escape", "clear_filter", "Clear filter", "show all runs again", "runs", "esc", palette=False),
    Key("enter", "enlarge", "Alone", "show this chart alone, or all again", "charts"),
    Key("h,left", "left", "Left", "go left; in a chart alone: cursor back", "charts", footer=False, palette=False),
    Key("l,right", "right", "Right", "go right; in a chart alone: cursor on", "charts", footer=False, palette=False),
    Key("k,up", "up", "Up", "go to the chart above", "charts", footer=False, palette=False),
    Key("j,down", "down", "Down", "go to the chart below", "charts", footer=False, palette=False),
    Key("full_stop", "cursor_on", "Cursor", "move the value cursor on", "charts", "."),
    Key("comma", "cursor_back", "Cursor back", "move the value cursor back", "charts", ",", footer=False),
    Key("greater_than_sign", "cursor_far_on", "Cursor far", "move the value cursor on by ten", "charts", ">", False),
    Key("less_than_sign", "cursor_far_back", "Cursor far back", "move it back by ten", "charts", "<", False),
    Key("plus,equals_sign", "zoom_in", "Zoom", "see a shorter stretch", "charts", "+", footer=False),
    Key("minus", "zoom_out", "Zoom out", "see a longer stretch", "charts", "-", footer=False),
    Key("L,shift+right", "pan_on", "Pan on", "move the stretch on", "charts", footer=False),
    Key("H,shift+left", "pan_back", "Pan back", "move the stretch back", "charts", footer=False),
    Key("0", "whole", "Whole", "see everything again, without a cursor", "charts", footer=False),
    Key("s", "smooth", "Smooth", "smooth more; after the most, not at all", "charts"),
    Key("b", "band", "Band", "show what was measured behind the smoothed", "charts", footer=False),
    Key("y", "log_y", "Log", "logarithmic or linear values", "charts"),
    Key("x", "axis", "Axis", "run over steps or over time", "charts"),
    Key("d", "differences", "Diff", "what differs between the runs' settings", "charts"),
    Key("slash", "filter", "Filter", "show only charts whose name has this", "charts", "/", footer=False),
    Key("e", "export_csv", "Export CSV", "write the shown numbers to a file", "charts", footer=False),
    Key("E", "export_json", "Export JSON", "write the shown numbers as JSON", "charts", footer=False),
    Key("p", "export_png", "PNG", "write this chart as a picture", "charts", footer=False),
    Key("c", "copy", "Copy", "copy the values at the cursor, or the newest", "charts", footer=False),
    Key("escape", "back", "Back", "go back", "charts", "esc", palette=False),
    Key("c", "compute", "Compute", "rank runs in a background process", "selection", changes=True),
    Key("x", "cancel", "Cancel", "end what is computed, or forget what ended", "selection", footer=False, changes=True),
    Key("o", "order", "Order", "order by the next method", "selection"),
    Key("t,enter", "open_inspect", "Traverse", "see what each latent code does", "selection"),
    Key("v", "open_charts", "Charts", "see the curves of this run", "selection"),
    Key("space", "mark", "Mark", "mark the run, or take the mark away", "selection", "␣", footer=False),
    Key("right_square_bracket", "next_group", "Group", "show the next group", "selection", "]"),
    Key("left_square_bracket", "previous_group", "Group back", "show the previous group", "selection", "[", False),
    Key("comma", "older", "Older", "show the result before this one", "selection", ",", footer=False),
    Key("full_stop", "newer", "Newer", "show the result after this one", "selection", ".", footer=False),
    Key("plus,equals_sign", "larger", "Larger", "draw the matrix larger", "selection", "+", footer=False),
    Key("minus", "smaller", "Smaller", "draw the matrix smaller", "selection", "-", footer=False),
    Key("s", "scale", "Scale", "colours by value, or each for as many values", "selection", footer=False),
    Key("e", "export_csv", "Export CSV", "write matrix and rankings to a file", "selection", footer=False),
    Key("E", "export_json", "Export JSON", "write matrix and rankings as JSON", "selection", footer=False),
    Key("p", "export_png", "PNG", "write the matrix as a picture", "selection", footer=False),
    Key("y", "copy", "Copy", "copy both runs and their scores", "selection", footer=False),
    Key("escape", "back", "Back", "go back", "selection", "esc", palette=False),
    Key("h,left", "left", "Left", "go to the generator on the left", "matrix", footer=False, palette=False),
    Key("l,right", "right", "Right", "go to the generator on the right", "matrix", footer=False, palette=False),
    Key("k,up", "up", "Up", "go to the encoder above", "matrix", footer=False, palette=False),
    Key("j,down", "down", "Down", "go to the encoder below", "matrix", footer=False, palette=False),
    Key("H,shift+left", "page_left", "Far left", "go left by ten", "matrix", footer=False, palette=False),
    Key("L,shift+right", "page_right", "Far right", "go right by ten", "matrix", footer=False, palette=False),
    Key("ctrl+d,pagedown", "page_down", "Far down", "go down by ten", "matrix", "^d", False, palette=False),
    Key("ctrl+u,pageup", "page_up", "Far up", "go up by ten", "matrix", "^u", False, palette=False),
    Key("g,home", "first", "First", "go to the first pair", "matrix", footer=False, palette=False),
    Key("G,end", "last", "Last", "go to the last pair", "matrix", footer=False, palette=False),
    Key("m", "mirror", "Mirror", "exchange encoder and generator", "matrix", footer=False, palette=False),
    Key("j,down", "next_code", "Code", "choose the code below", "inspect", palette=False),
    Key("k,up", "previous_code", "Code above", "choose the code above", "inspect", footer=False, palette=False),
    Key("l,right", "more", "Move", "move the code's slider on", "inspect", palette=False),
    Key("h,left", "less", "Move back", "move the code's slider back", "inspect", footer=False, palette=False),
    Key("L,shift+right", "far_more", "Far", "move the slider on in larger steps", "inspect", footer=False),
    Key("H,shift+left", "far_less", "Far back", "move the slider back in larger steps", "inspect", footer=False),
    Key("0", "put_back", "Put back", "put the code back to where the sample has it", "inspect", footer=False),
    Key("space,n", "resample", "Sample", "begin from another draw or image", "inspect", "␣"),
    Key("N", "previous_sample", "Sample before", "begin from the draw or image before", "inspect", footer=False),
    Key("i", "dataset", "Images", "begin from images of the dataset, or from draws", "inspect"),
    Key("g", "go_to_sample", "Go to", "begin from a draw or image by its number", "inspect", footer=False),
    Key("z", "redraw_noise", "Noise", "draw the noise anew, the codes stay", "inspect", footer=False),
    Key("left_square_bracket", "previous_checkpoint", "Older", "go to the checkpoint before", "inspect", "["),
    Key("right_square_bracket", "next_checkpoint", "Newer", "go to the checkpoint after", "inspect", "]", footer=False),
    Key("R", "reload", "Newest", "read the newest checkpoint", "inspect", footer=False),
    Key("c", "compare", "Compare", "set beside the next marked run, or none", "inspect"),
    Key("plus,equals_sign", "more_steps", "More", "take more steps along each code", "inspect", "+", footer=False),
    Key("minus", "fewer_steps", "Fewer", "take fewer steps along each code", "inspect", "-", footer=False),
    Key("m", "image_mode", "Images as", "show images in another way, or numbers alone", "inspect", footer=False),
    Key("p", "save_png", "PNG", "write the traversals as a picture", "inspect"),
    Key("P", "save_gif", "GIF", "write the traversals as an animation", "inspect", footer=False),
    Key("escape", "back", "Back", "go back", "inspect", "esc", palette=False),
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
    Key("c", "copy", "Copy", "copy the lines on the screen", "logs"),
    Key("escape", "back", "Back", "go back", "logs", "esc", palette=False),
    Key("escape", "back", "Back", "go back", "system", "esc", palette=False),
    Key("j,down", "cursor_down", "Down", "go down", "table", footer=False, palette=False),
    Key("k,up", "cursor_up", "Up", "go up", "table", footer=False, palette=False),
    Key("ctrl+d,pagedown", "page_down", "Page down", "go down by a page", "table", "^d", False, palette=False),
    Key("ctrl+u,pageup", "page_up", "Page up", "go up by a page", "table", "^u", False, palette=False),
    Key("g,home", "scroll_top", "Top", "go to the top", "table", footer=False, palette=False),
    Key("G,end", "scroll_bottom", "Bottom", "go to the bottom", "table", footer=False, palette=False),
    Key("ctrl+s", "submit", "Start", "start what the form says, in the background", "form", "^s", changes=True),
    Key("enter", "edit", "Edit", "type a value; several, by commas: a run each", "form", "⏎", palette=False),
    Key("space,l,right", "next_choice", "Next", "take the next value, where they can be listed", "form", "␣"),
    Key("h,left", "previous_choice", "Previous", "take the previous value", "form", footer=False, palette=False),
    Key("x,backspace,delete", "reset", "Default", "leave this setting to the preset again", "form"),
    Key("a", "advanced", "All", "show every setting, or only the common ones", "form"),
    Key("slash", "filter", "Filter", "show settings whose name or meaning has this", "form", "/"),
    Key("c", "copy", "Copy", "copy the command line that does the same", "form"),
    Key("escape", "back", "Back", "leave the form", "form", "esc", palette=False),
    Key("ctrl+s", "submit", "Start", "rank in the background", "ranking", "^s", changes=True),
    Key("escape", "cancel", "Leave", "leave the form", "ranking", "esc", palette=False),
    Key("enter", "keep", "Keep", "keep the value", "field", "⏎", palette=False),
    Key("tab,down", "next", "Next", "keep it and type the next one", "field", "⇥", palette=False),
    Key("shift+tab,up", "previous", "Previous", "keep it, type the one before", "field", footer=False, palette=False),
    Key("right", "right_or_default", "Take", "in an empty box: take over what the preset says", "field", "→", False),
    Key("escape", "undo", "Undo", "leave the value as it was", "field", "esc", palette=False),
    Key("y", "confirm", "Yes", "do it", "dialog", palette=False),
    Key("n,escape", "cancel", "No", "leave everything as it is", "dialog", palette=False),
    Key("escape,q,question_mark,f1", "dismiss", "Close", "close the help", "help", "esc", palette=False),
    Key("1", "go_runs", "Runs", "all runs", "everywhere", footer=False),
    Key("2", "go_charts", "Charts", "curves of the marked runs, or of this one", "everywhere", footer=False),
    Key("3", "go_selection", "Selection", "which model to take, without labels", "everywhere", footer=False),
    Key("4", "go_inspect", "Inspect", "what the codes of this run do", "everywhere", footer=False),
    Key("5", "go_logs", "Logs", "the log of this run", "everywhere", footer=False),
    Key("6", "go_system", "System", "how busy this machine is", "everywhere", footer=False),
    Key("T", "next_look", "Theme", "dark, light, high contrast, colour-blind-safe", "everywhere", footer=False),
    Key("question_mark,f1", "help", "Help", "show all keys", "everywhere", "?"),
    Key("q", "quit", "Quit", "leave; runs go on", "everywhere"),
)

CHANGING_ACTIONS = frozenset(key.action for key in KEYS if key.changes)


def bindings(place: Place) -> list[BindingType]:
    """The bindings of a place, each with an id, in the order of the table."""
    return [
        Binding(key.keys, key.action, key.label, show=key.footer, key_display=key.display, id=key.id, tooltip=key.help)
        for key in KEYS
        if key.place == place
    ]


def keys_of(places: Iterable[Place], read_only: bool) -> Iterator[Key]:
    """The keys that work in some places; without those that change anything if ``read_only``."""
    wanted = set(places)
    return (key for key in KEYS if key.place in wanted and not (read_only and key.changes))
