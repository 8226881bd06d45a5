"""What the tests run on: databases, a browser, servers in processes of their own, and Node's token library."""
