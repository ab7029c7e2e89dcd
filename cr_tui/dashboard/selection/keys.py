"""The keys of the selection screen, and of the matrix on it."""

from cr_tui.dashboard.keys.key import Key

INNER_PLACES = {"matrix": "In the matrix", "rankings": "In the ranking"}
"""Titles of the places inside this screen that have keys of their own."""

KEYS = (
    Key("c", "compute", "Compute", "rank runs in a background process", "selection", changes=True),
    Key("x", "cancel", "Cancel", "end what is computed, or forget what ended", "selection", footer=False, changes=True),
    Key("o", "order", "Order", "order by the next method", "selection"),
    Key("t,enter", "open_inspect", "Traverse", "see what each latent code does", "selection"),
    Key("v", "open_charts", "Charts", "see the curves of this run", "selection", footer=False),
    Key("space", "mark", "Mark", "mark the run, or take the mark away", "selection", "␣", footer=False),
    Key("right_square_bracket", "next_group", "Group", "show the next group", "selection", "]"),
    Key("left_square_bracket", "previous_group", "Group back", "show the previous group", "selection", "[", False),
    Key("comma", "older", "Older", "show the result before this one", "selection", ",", footer=False),
    Key("full_stop", "newer", "Newer", "show the result after this one", "selection", ".", footer=False),
    Key("plus,equals_sign", "larger", "Larger", "draw the matrix larger", "selection", "+", footer=False),
    Key("minus", "smaller", "Smaller", "draw the matrix smaller", "selection", "-", footer=False),
    Key("w", "why", "Why", "traversals of the pair at the cursor, or none", "selection"),
    Key("s", "scale", "Scale", "colours by value, or each for as many values", "selection", footer=False),
    Key("e", "export_csv", "Export CSV", "write matrix and rankings to a file", "selection", footer=False),
    Key("E", "export_json", "Export JSON", "write matrix and rankings as JSON", "selection", footer=False),
    Key("p", "export_png", "PNG", "write the matrix as a picture", "selection", footer=False),
    Key("y", "copy", "Copy", "copy both runs and their scores", "selection", footer=False),
    Key("escape", "back", "Back", "go back", "selection", "esc", palette=False),
    Key("l,right", "columns_on", "Columns", "show the next columns", "rankings", footer=False, palette=False),
    Key("h,left", "columns_back", "Columns back", "show the previous", "rankings", footer=False, palette=False),
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
)
