"""Where live accounts are not as declared, and what of it is news."""
