"""How vendors' own batches are written and read, a module for each wire; a request in one is its dialect's."""
