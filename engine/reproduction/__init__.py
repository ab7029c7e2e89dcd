"""Published tables: what a paper trained and reported, as data, and the same on this machine beside it.

A table is a TOML file in ``engine/reproduction/tables/``. It has the published numbers and the settings behind each
row. :mod:`engine.reproduction.published` reads it, :mod:`engine.reproduction.planning` says which runs it takes and
which of them a store has, and :mod:`engine.reproduction.comparison` puts their scores beside the published ones.
"""
