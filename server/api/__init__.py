"""The endpoints: one resource, one file, one blueprint."""
