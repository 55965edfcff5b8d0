"""Authorization servers and resource servers on the store, for frameworks in use."""
