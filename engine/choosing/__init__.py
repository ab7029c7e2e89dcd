"""From a pool of runs to a pick.

The way, one file a step:

1. ``request.py``: what is asked for.
2. ``pool.py``: the runs, and the models loaded from them.
3. ``comparison.py``: every encoder scored on every generator's images.
4. ``methods/``: the pool ranked, one file a method.
5. ``verdict.py``: how sure the pick is.
6. ``result.py``: what was found, as it is stored, printed and read back.

``choose.py`` goes through all steps. ``jobs.py``, ``process.py`` and ``slurm_shares.py`` let them run in the background
and on a cluster; ``partial.py`` is what others see of the matrix meanwhile. ``scoring.py`` scores a single run with
labels.
"""
