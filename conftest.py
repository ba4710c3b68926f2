pytest_plugins = ["localservers.fixtures", "servicekit.testing"]
