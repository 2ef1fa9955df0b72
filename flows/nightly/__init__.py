"""Former addresses of flows: schedules in Prefect's database name them."""
