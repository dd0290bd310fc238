"""The HTTP API over the desk: routes, bodies, problem details. Contains no rule."""
