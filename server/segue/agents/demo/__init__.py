"""The demo agent: plans trips without a model or a key."""

from segue.agents.demo.agent import DemoAgent

__all__ = ["DemoAgent"]
