"""What a power cut may leave, computed from the order in which a store is written, without cutting any power."""
