"""Every order of requests up to a length, through the real service, with the promises checked after each step."""
