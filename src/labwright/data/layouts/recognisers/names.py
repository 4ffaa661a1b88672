"""What people call the columns, in their plain form and in the order in which a name is trusted."""

from __future__ import annotations

SYSTEM = ("system", "system_prompt", "system_message", "system_instruction")
TOOLS = ("tools", "functions", "available_tools")
CONVERSATION = (
    "messages",
    "conversations",
    "conversation",
    "chat",
    "dialogue",
    "dialog",
    "turns",
    "chat_messages",
    "data",
)
PROMPT = (
    "prompt",
    "question",
    "query",
    "instruction",
    "problem",
    "user",
    "input",
    "inputs",
    "task",
    "user_prompt",
    "human",
    "question_text",
    "user_message",
    "source",
    "goal",
    "question_stem",
)
ANSWER = (
    "completion",
    "response",
    "answer",
    "output",
    "solution",
    "target",
    "assistant",
    "generation",
    "reply",
    "chosen_response",
    "targets",
    "answers",
    "model_response",
    "expected_output",
    "ground_truth",
    "gold",
    "final_answer",
    "best_answer",
)
CONTEXT = ("context", "input", "passage", "support", "article", "document", "background", "paragraph", "story")
REASONING = ("reasoning", "rationale", "chain_of_thought", "cot", "thinking", "thought", "explanation", "complex_cot")
TEXT = ("text", "content", "document", "body", "article", "raw_text", "sentence", "passage", "code", "review", "tweet")
LABEL = (
    "label",
    "labels",
    "class",
    "category",
    "sentiment",
    "target",
    "intent",
    "topic",
    "emotion",
    "label_text",
    "coarse_label",
    "fine_label",
    "stars",
    "rating",
    "is_toxic",
    "toxic",
    "is_spam",
    "spam",
)
