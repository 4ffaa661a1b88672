"""Training data: read, hash, audit, transform, and compare with a benchmark.

A study stands or falls with its data, so data is treated as evidence: a dataset version is named by the hash of its
content, carries the chain of transforms that made it, and is checked for benchmark items before a run may start. The
contamination algorithms are pure functions that both the engine (against `dev`) and the referee (against the sealed
`test`) call; what may be told of their findings is decided there, not here.
"""
