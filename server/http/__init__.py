"""A worker's plumbing: gunicorn's master and workers, bodies, connections, streams. It knows no endpoint."""
