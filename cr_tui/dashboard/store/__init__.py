"""Reading a store and starting what it is asked for, in threads and processes beside the screens."""
