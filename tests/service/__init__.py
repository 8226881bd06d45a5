"""The use cases, without HTTP around them."""
