"""The dashboard's widgets, one a file. They show what they are given and know neither stores nor processes."""
