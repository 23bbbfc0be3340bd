"""Rate limiters that others wrote, each on the loopback address and a port of its own.

| file | what |
|---|---|
| `python_server.py` | the `limits` library's strategies, slowapi, and a slow server for nginx to stand before |
| `node_server.mjs` | express-rate-limit and rate-limiter-flexible |
| `proxies.py` | the configurations of nginx and HAProxy |
| `table.py` | which there are, what they are expected to be found to be, and how each is started |
"""
