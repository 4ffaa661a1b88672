"""Scores that a judge model gives: what it is asked, who asks it, on whose account, and what is kept of its answers."""
