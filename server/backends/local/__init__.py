"""Models in engine processes of this machine: template, plan, submit, engine, reader."""
