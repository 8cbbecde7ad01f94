"""The stable releases: what finished its rollout, where and when."""
