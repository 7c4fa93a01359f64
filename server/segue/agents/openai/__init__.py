"""The agent for any server that speaks OpenAI's Chat Completions. Needs the extra `agents`."""

from segue.agents.openai.agent import OpenAIAgent
from segue.agents.tools import Tool, tool

__all__ = ["OpenAIAgent", "Tool", "tool"]
