"""The web portal: pages over the desk. Contains no rule."""
