"""What happens to a claim: models, stages, jobs."""
