"""Which rate limiter answers, and how sure that is: pure, without a clock and without requests of its own."""
