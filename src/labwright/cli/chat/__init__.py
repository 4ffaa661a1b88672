"""`labwright chat`: a conversation with the intern, at a terminal or over a pipe."""
