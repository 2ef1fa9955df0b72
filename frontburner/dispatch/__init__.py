"""Planner and farm brought together: units handed out, followed, recovered, and nodes judged by what they do."""
