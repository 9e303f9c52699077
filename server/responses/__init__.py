"""The words of the Responses API: from items to a prompt, and from an answer to items, events and the Response object.

`prompt`, `truncation`, `response_object`, `builder` and `replay` are pure: values in, values out. `prompting` asks
models, `opening` the storage; `new_response` joins them to a turn (`server.turns`). Nothing here knows HTTP.
"""
