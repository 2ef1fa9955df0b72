"""V-Ray Standalone, by its command line. Not yet run against a licensed installation."""
