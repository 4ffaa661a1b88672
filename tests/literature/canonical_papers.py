"""The few papers that every loopback server of the literature knows, each in its service's own wire shape.

They are the common ground of tests/conformance/test_paper_sources.py: a server takes them as `Paper`, so a value that
a source reads back can be compared with what was put in. Titles, authors and years are those of real papers; abstracts,
counts and the ids of Semantic Scholar and OpenAlex are made up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from labwright.contracts.literature import Paper, PaperIds


def _paper(
    arxiv: str,
    title: str,
    authors: tuple[str, ...],
    published: str,
    abstract: str,
    citations: int,
    *,
    doi: str | None = None,
    upvotes: int | None = None,
) -> Paper:
    number = int(hashlib.sha1(arxiv.encode()).hexdigest()[:7], 16)
    ids = PaperIds(
        arxiv=arxiv, doi=doi, s2=hashlib.sha1(arxiv.encode()).hexdigest(), corpus=number, openalex=f"W{number}"
    )
    return Paper(
        ids=ids,
        title=title,
        authors=authors,
        year=int(published[:4]),
        published=published,
        abstract=abstract,
        citations=citations,
        influential=citations // 10,
        upvotes=upvotes,
        url=f"https://arxiv.org/abs/{arxiv}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv}",
    )


DPO = _paper(
    "2305.18290",
    "Direct Preference Optimization: Your Language Model is Secretly a Reward Model",
    ("Rafael Rafailov", "Archit Sharma", "Eric Mitchell", "Stefano Ermon", "Christopher D. Manning", "Chelsea Finn"),
    "2023-05-29",
    "Preferences fit language models by one classification loss, without sampling and without a reward model.",
    5100,
    upvotes=64,
)
LORA = _paper(
    "2106.09685",
    "LoRA: Low-Rank Adaptation of Large Language Models",
    ("Edward J. Hu", "Yelong Shen", "Phillip Wallis", "Zeyuan Allen-Zhu"),
    "2021-06-17",
    "Frozen weights of language models get trainable low-rank factors: few parameters, no slower inference.",
    14800,
    upvotes=40,
)
QLORA = _paper(
    "2305.14314",
    "QLoRA: Efficient Finetuning of Quantized LLMs",
    ("Tim Dettmers", "Artidoro Pagnoni", "Ari Holtzman", "Luke Zettlemoyer"),
    "2023-05-23",
    "Gradients flow through 4-bit language models into low-rank adapters; NormalFloat & double quantization, < 48 GB.",
    3900,
    upvotes=44,
)
INSTRUCT = _paper(
    "2203.02155",
    "Training language models to follow instructions with human feedback",
    ("Long Ouyang", "Jeff Wu", "Xu Jiang"),
    "2022-03-04",
    "Labellers rank outputs of language models; a reward model and reinforcement learning follow their preferences.",
    12400,
    upvotes=24,
)
PPO = _paper(
    "1707.06347",
    "Proximal Policy Optimization Algorithms",
    ("John Schulman", "Filip Wolski"),
    "2017-07-20",
    "A clipped surrogate objective lets policy gradients take several epochs of minibatch updates on each sample.",
    21000,
    upvotes=11,
)
GRPO = _paper(
    "2402.03300",
    "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models",
    ("Zhihong Shao", "Peiyi Wang", "Qihao Zhu"),
    "2024-02-05",
    "Group relative policy optimization drops the critic; language models learn mathematics from the filtered web.",
    1700,
    upvotes=9,
)
OLD = _paper(
    "cond-mat/0102536",
    "Parallel Tempering of Müller–Brown Surfaces: a Study with Δ < 1",
    ("Ana-María Łukasiewicz",),
    "2001-02-28",
    "Nothing here is about text; the paper is old enough to have an identifier with a slash.",
    3,
    doi="10.1103/physrevb.64.012301",
)

PAPERS: tuple[Paper, ...] = (DPO, LORA, QLORA, INSTRUCT, PPO, GRPO, OLD)

# Who cites whom, for the servers that know it. In no other pair.
REFERENCES: dict[str, tuple[Paper, ...]] = {
    DPO.id: (PPO, INSTRUCT),
    INSTRUCT.id: (PPO,),
    QLORA.id: (LORA, INSTRUCT),
    GRPO.id: (PPO, INSTRUCT, DPO),
}

# What the suite asks. Every server finds these by the words of title and abstract.
COMMON = "language models"  # in five of them
COMMON_ONES = (DPO, LORA, QLORA, INSTRUCT, GRPO)
RARE = "direct preference optimization"  # in one title
RARE_ONE = DPO
NOTHING = "zymurgy quokkas"  # in none
UNKNOWN = PaperIds(
    arxiv="2912.00001", doi="10.9999/nowhere.1", s2="f" * 40, corpus=999_999_999_999, openalex="W999999999"
)


def found(text: str, papers: Iterable[Paper] = PAPERS) -> list[Paper]:
    """How the servers search: every word must stand in title or abstract; titles with more of them come first."""
    words = re.findall(r"\w+", text.lower())

    def in_title(paper: Paper) -> int:
        return sum(word in paper.title.lower() for word in words)

    hits = [p for p in papers if all(w in f"{p.title} {p.abstract}".lower() for w in words)]
    return sorted(hits, key=in_title, reverse=True)
