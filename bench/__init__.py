"""Measurements. They are no tests: nothing here passes or fails, save that an answer which is wrong ends a run."""
