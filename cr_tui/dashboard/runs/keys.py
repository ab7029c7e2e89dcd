"""The keys of the runs screen."""

from cr_tui.dashboard.keys.key import Key

KEYS = (
    Key("n", "new_run", "New", "start new runs", "runs", changes=True),
    Key("s", "stop_run", "Stop", "stop marked runs or this one, at a checkpoint", "runs", changes=True),
    Key("r", "resume_run", "Resume", "go on from the newest checkpoint", "runs", changes=True),
    Key("d", "delete_run", "Delete", "delete marked runs, or this one", "runs", changes=True),
    Key("space", "mark", "Mark", "mark the run; charts overlay the marked", "runs", "␣"),
    Key("slash", "filter", "Filter", "show some: status:f or not (lr<=1e-3 seed=1)", "runs", "/"),
    Key("t,enter", "open_inspect", "Traverse", "see what each latent code does", "runs"),
    Key("m", "open_selection", "Matrix", "rank the run's group without labels", "runs"),
    Key("e", "duplicate_run", "Again", "start a run like this one, edited", "runs", changes=True),
    Key("o", "sort", "Sort", "choose the column to sort by", "runs"),
    Key("i", "everything", "All of it", "all about the run: settings, scores, facts", "runs"),
    Key("N", "annotate", "Note", "write tags and a note about the run", "runs", changes=True),
    Key("u", "undo", "Undo", "bring back deleted runs, marks, or the filter", "runs"),
    Key("v", "next_view", "View", "charts, more charts, card, log of the run", "runs"),
    Key("a", "mark_all", "Mark all", "mark exactly those that are listed, or none", "runs", footer=False),
    Key("O", "sort_reverse", "Reverse", "turn the order round", "runs", footer=False),
    Key("z", "fold", "Fold", "fold the run's group into a line, or unfold it", "runs", footer=False),
    Key("Z", "fold_all", "Fold all", "fold or unfold every group", "runs", footer=False),
    Key("l,right", "more_columns", "Columns", "show the next columns", "runs", footer=False),
    Key("h,left", "fewer_columns", "Columns back", "show the previous columns", "runs", footer=False),
    Key("y", "copy", "Copy", "copy the id of the run", "runs", footer=False),
    Key("escape", "clear_filter", "Clear filter", "show all runs again", "runs", "esc", palette=False),
)
