"""Rate limiters of every family, as plain as can be, to hold others to: they share no code with what they test."""
