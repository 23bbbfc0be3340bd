"""Configurations of nginx and HAProxy: the smallest that limit as they are told to, in one foreground process."""

from __future__ import annotations

from pathlib import Path


def nginx(zone: str, rule: str, port: int, folder: Path, upstream: int | None = None) -> str:
    """One server; it hands out a file, or what the upstream port says."""
    (folder / "index.html").write_text("hello", encoding="utf-8")
    serve = (
        f"root {folder}; try_files /index.html =404;"
        if upstream is None
        else f"proxy_pass http://127.0.0.1:{upstream};"
    )
    scratch = " ".join(
        f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""daemon off;
worker_processes 1;
pid {folder / "nginx.pid"};
error_log stderr crit;
events {{ worker_connections 512; }}
http {{
    access_log off;
    {scratch}
    keepalive_requests 100000;
    {zone}
    limit_req_status 429;
    limit_conn_status 429;
    server {{
        listen 127.0.0.1:{port};
        location = /ready {{ return 204; }}
        location / {{ {rule} {serve} }}
    }}
}}
"""


def limit_req(limit: int, window: float, *, delays: bool) -> tuple[str, str]:
    """Zone and rule: as many at once as `limit`, all of it back after `window` seconds."""
    per_minute = round(60 * limit / window)
    burst = f" burst={limit - 1}" if limit > 1 else ""
    return (
        f"limit_req_zone $binary_remote_addr zone=z:1m rate={per_minute}r/m;",
        f"limit_req zone=z{burst}{'' if delays or limit == 1 else ' nodelay'};",
    )


def limit_conn(limit: int) -> tuple[str, str]:
    """Zone and rule: so many at once."""
    return "limit_conn_zone $binary_remote_addr zone=z:1m;", f"limit_conn z {limit};"


def haproxy(limit: int, window: float, fd: int) -> str:
    """A stick table that counts the requests of an address over a sliding period."""
    return f"""global
    maxconn 500
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout connect 5s
frontend limited
    bind fd@{fd}
    http-request return status 204 if {{ path /ready }}
    stick-table type ip size 1k expire 600s store http_req_rate({round(window * 1000)}ms)
    http-request track-sc0 src
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {limit} }}
    http-request return status 200 content-type text/plain string hello
"""
