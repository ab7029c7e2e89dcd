"""One HTML page about a pool of runs: ``facts.py`` is what stands on it, ``gather.py`` gets that from runs, and
``page.py`` writes it. The page needs no network and runs no script.
"""
