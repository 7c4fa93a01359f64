"""`/docs`: the API to read, made of its own description."""
