"""Tests of the sample host: one file for each page or concern."""
