"""A node: renders units in a renderer process, stores and reports them, and checks whether it is ready."""
