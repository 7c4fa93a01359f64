"""Segue inside other frameworks; each module needs the framework it is for."""
