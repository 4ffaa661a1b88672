"""Long work on data, each job in a process of its own that outlives whoever asked for it.

`jobs` starts, finds, watches and stops them, from any process; `process` is what runs in one. Between them stands only
the job's folder.
"""
