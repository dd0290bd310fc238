"""The one door to AWS: roles, clients, pacing, paging, and AWS errors in our words."""
