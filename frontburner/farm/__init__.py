"""The farm on Dask as a job sees it: nodes it may have, and units as futures on them."""
