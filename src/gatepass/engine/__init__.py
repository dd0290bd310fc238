"""The engine: takes what is due and does at most one step with it, in every server and worker process.

- `loop`: `Engine`, its threads and `tick`; `step`: one fact, one step; `looking`: reads and polls that facts share
- `sweep`, `leavers`, `questions`, `messages`, `chores`: everything else that becomes due
- `pacing`, `timekeeper`, `brake`: the rate of AWS, the time, and what stops granting (never taking back)
- `ports`: what the engine needs from above, as Protocols that `app` fills

It is the only code that changes AWS for grants; nothing stands between it and a take-back (architecture.md 1).
"""
