"""The farm itself: jobs, planning, dispatch, nodes, and all that people use them by."""
