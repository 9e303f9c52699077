"""What a response of the Responses API is made of: its prompt, its events, its object, and one turn that makes it.

`prompt`, `truncation`, `response_object`, `builder` and `event_rows` are pure: values in, values out. `production`,
`turn`, `keeper` and `follow` join them to a generation and to the storage. Nothing here knows HTTP.
"""
