"""What a document means as a conversation: who opens and owns a session."""
