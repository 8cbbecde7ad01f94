"""Public fakes and the simulated plant, for tests of Andon and of what plugs into it."""
