"""How families write calls whose arguments are JSON, between marks or in words."""
