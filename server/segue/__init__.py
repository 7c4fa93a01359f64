"""Segue: one conversation on every device, merged, ordered and never lost."""
