"""Who reaches what: the questions that can be asked of one state, desired or live."""
