"""Who is asking, before anybody knows what for."""
