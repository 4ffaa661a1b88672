"""Known benchmarks, frozen into packs: items, prompt and scorer as they are today, with their provenance.

    add_benchmark("hub:openai/gsm8k:main", out=Path("benchmark"))

A pack is files, so a study neither depends on a service or a harness, nor on what either will be tomorrow. What a pack
cannot say faithfully is refused with the reason.
"""

from labwright.referee.known.adding import AddedBenchmark, add_benchmark
from labwright.referee.known.options import AddOptions

__all__ = ["AddOptions", "AddedBenchmark", "add_benchmark"]
