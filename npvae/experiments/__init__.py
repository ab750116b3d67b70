"""Published experiments: their settings, and running them."""
