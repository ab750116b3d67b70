"""Published experiments: their settings, and how to run them."""
