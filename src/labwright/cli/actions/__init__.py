"""What each command does: one module a noun, loaded only when its command is called."""
