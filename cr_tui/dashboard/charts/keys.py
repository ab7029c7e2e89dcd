"""The keys of the charts screen."""

from cr_tui.dashboard.keys.key import Key

KEYS = (
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
)
