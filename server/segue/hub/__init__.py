"""The open documents of a node and the devices attached to them. Knows ports, never adapters."""
