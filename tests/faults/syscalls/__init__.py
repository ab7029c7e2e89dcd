"""Every system call of every command failed once."""
