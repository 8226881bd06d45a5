"""KalTalk as production runs it: gunicorn with two worker processes, changed from a process beside them."""
