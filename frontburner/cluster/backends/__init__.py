"""The kinds of clusters a farm can run on, one a file; each is a part of the cluster file."""
