"""The intern: a pydantic-ai agent that drives the research engine, inside budgets and approvals that hold in code.

The folder exists so that everything an LLM touches is in one place: the agent and what it is composed of, the sessions
it works in, the models that may sit at its wheel, its instructions and playbooks. There is no agent loop here: that is
pydantic-ai's, and what its harness has is taken from there.
"""
