"""What requests and answers look like: JSON objects to frozen dataclasses by marshmallow, and structs to JSON.

One file per kind of request; answers are in `schemas.objects`. Extra fields are ignored, null means "not given", and
types are strict: a number in quotes is no number. What is wrong is raised as a `SchemaError` (`schemas.fields.errors`).
Nothing here knows models, HTTP or the engine; `schemas.coverage` lists what is honoured, refused and tolerated.
"""
