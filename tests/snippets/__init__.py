"""The code that integrators copy from the settings page, run in its own language with the library that it names."""
