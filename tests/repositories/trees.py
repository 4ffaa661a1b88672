"""One small repository, as every source has it in its tests."""

from __future__ import annotations

import json

TRAIN_DPO = '''# /// script
# dependencies = ["trl"]
# ///
"""Preference tuning with DPO."""

from datasets import load_dataset
from trl import DPOConfig, DPOTrainer


def main() -> None:
    """Train."""
    config = DPOConfig(output_dir="out", beta=0.1)
    trainer = DPOTrainer(model="Qwen/Qwen3-0.6B", args=config, train_dataset=load_dataset("trl-lib/ultrafeedback"))
    trainer.train()


if __name__ == "__main__":
    main()
'''

NOTEBOOK = json.dumps(
    {
        "nbformat": 4,
        "metadata": {"language_info": {"name": "python"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# GRPO\n", "with a small model"], "metadata": {}},
            {
                "cell_type": "code",
                "execution_count": 3,
                "source": "%pip install trl\nfrom trl import GRPOTrainer",
                "outputs": [{"output_type": "stream", "name": "stdout", "text": ["fine\n"]}],
            },
        ],
    }
)

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 2000000000\n"

TREE: dict[str, bytes] = {
    "README.md": b"# tool\n\nTrains with DPO.\n",
    "data/weights.bin": b"\x00\x01" * 600,
    "data/picture": b"\x89PNG\x00\x00binary",
    "data/large.csv": POINTER.encode(),
    "examples/scripts/train_dpo.py": TRAIN_DPO.encode(),
    "notebooks/grpo_small.ipynb": NOTEBOOK.encode(),
    "src/tool/__init__.py": b'"""A tool."""\n',
    "src/tool/dpo.py": b"class DPOThing:\n    pass\n",
    "tests/test_dpo.py": b"def test_dpo() -> None:\n    assert True\n",
}
