"""Windows on Linux: its own Python under Wine, machines that run it, and the tests that it runs."""
