"""The parts of the fault campaign: what goes on, what strikes it, and who checks what is left."""
