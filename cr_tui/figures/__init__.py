"""Figures for print: vector files with labels, legends and colour bars, drawn by matplotlib (the extra ``plot``).

One file a figure, plain arrays in and a figure out; ``drawing.py`` is the style that they share and writes them,
``seeds.py`` brings the runs of a configuration together, and ``of_runs.py`` gets from runs what is drawn. Matplotlib is
imported when a figure is drawn.
"""
