"""Simulations: the real planner and dispatcher, on nodes and costs that are numbers and a simulated clock."""
