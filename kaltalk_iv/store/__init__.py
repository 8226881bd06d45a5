"""Queries and changes on a session that is handed in. Functions flush; whoever called the use case commits."""
