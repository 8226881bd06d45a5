"""The tests. Folders mirror the rooms; `support` holds what they run on: databases, browser, servers, Node."""
