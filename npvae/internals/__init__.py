"""What the mathematics stands on and a reader may skip: checks of what comes in, files, memory, threads, types."""
