"""What the mathematics relies on and a reader may skip: argument checks, files, memory, threads and types."""
