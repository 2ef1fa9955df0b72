"""The farm as a web page: folds over the records of jobs and over what the farm answers, shown live."""
