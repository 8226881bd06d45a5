"""The widget in a real Chromium, on a host page with a strict CSP, against a small stand-in for KalTalk's API."""
