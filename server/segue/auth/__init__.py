"""Who may do what: tokens, roles, origins. No I/O."""
