import os

from hypothesis import settings

pytest_plugins = ["localservers.fixtures", "servicekit.testing"]

# CI judges a change by the same examples as the run before it; at a desk each run looks at new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
