"""Agents that are programs of their own: they connect, are given turns, and stream their answers back."""
