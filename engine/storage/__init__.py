"""Files and locks below a store: how they are made, read with distrust and replaced whole."""
