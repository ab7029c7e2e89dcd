"""The stages of ``benchmarks/gpu.py``, a module each: ``measure(stage)`` measures and keeps what it found."""
