"""The contract between the endpoints and the models: what is asked, and what an answer is made of.

Endpoints make requests and read answers; backends do the opposite. Neither knows the other, and nothing here knows
HTTP, templates or engines.
"""
