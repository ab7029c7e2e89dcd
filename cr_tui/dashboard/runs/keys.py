"""The keys of the runs screen."""

from cr_tui.dashboard.keys.key import Key

KEYS = (
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
)
