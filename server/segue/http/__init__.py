"""Starlette routes and the sync sockets."""
