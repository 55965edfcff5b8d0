"""`authority plans`: the plans of all queries, and the rules for them."""
