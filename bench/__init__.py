"""Measures what Segue costs. `make bench` prints the table; speed is never part of a test."""
