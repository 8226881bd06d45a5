"""The use cases. Each takes a database session, the settings and the time; it flushes, and its caller commits."""
