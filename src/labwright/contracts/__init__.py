"""Typed data that travels between folders, the Protocols they meet through, the events, and the error tree.

Floor 1 of the staircase: everything may import it, and it imports nothing of ours. Nothing in here does anything.
"""
