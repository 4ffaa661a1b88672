"""What an output is held against where comparing texts does not do: calls, instructions, spans; no model is asked."""
