"""The commands, one group a file: parse, call the engine, print."""
