"""The widget's API: what a browser can make KalTalk do, and what not."""
