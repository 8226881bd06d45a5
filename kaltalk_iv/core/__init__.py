"""The rules: what a user token must be, what it proves, what follows from it.

Pure functions over frozen values. No Flask, no database, no clock, no environment: time, keys and mode are arguments.
Times are Unix seconds (the NumericDate of RFC 7519, section 2) everywhere in this package.
"""
