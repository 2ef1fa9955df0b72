"""The farm on a simulated clock: the real planner and dispatcher, with nodes and costs that are numbers."""
