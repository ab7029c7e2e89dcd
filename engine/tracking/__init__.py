"""Other people's tools: the numbers of runs handed over to TensorBoard, Weights & Biases and Trackio.

Nothing of this is in the process that trains. A run's event log is read while it grows (``follow.py``, a process that
the run's supervisor starts) or afterwards (``crtui runs sync``), and what is new is handed over (``handover.py``). So a
tool that fails, hangs or is not there cannot harm a run, and what was missed is caught up on later.
"""
