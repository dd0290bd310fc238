"""The one door to AWS: credentials, clients, time-outs, pace, paging, and errors in our words.

- `door`: every call; `errors`, `translate`: what can go wrong; `lease`: the guard against sending late
- `organizations`, `directory`, `permission_sets`: what others need to read
- `live`: whether a connector can do all that gatepass will ask of it
"""
