"""Control of jobs: intake, suspending, resuming, cancelling and rerunning, here or at a Prefect deployment."""
