"""The command line: renders what the engine does, takes a person's decisions, and knows nothing of how work is done."""
