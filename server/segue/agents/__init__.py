"""Agents: programs that take part in a conversation and answer in it."""
