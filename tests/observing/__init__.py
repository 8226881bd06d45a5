"""Logs, metrics, health and signals."""
