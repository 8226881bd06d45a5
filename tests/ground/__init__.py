"""Tests of what the tests run on."""
