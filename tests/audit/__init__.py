"""What the audit events record, and the chains that seal them."""
