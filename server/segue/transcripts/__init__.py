"""Whole conversations as files: Segue's own lines of JSON, the AI SDK's messages, OpenAI's items."""
