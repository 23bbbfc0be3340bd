"""A recorded request, as a command: a shell hands curl exactly what was sent."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from affidavit.exchange import Exchange, Request
from affidavit.report.replay import LONGEST_INLINE, Replay

HERE = Replay("CHATMAID_API_KEY", Path("reports/bodies"), "http://127.0.0.1:9")
MAIN = "⟨key main: sk_test_ + 32 hex⟩"
LIVE = "⟨key live: sk_live_ + 32 hex⟩"
ISSUED = "⟨secret 3: sk_live_ + 48 hex⟩"
VARIABLES = {"CHATMAID_API_KEY": "sk_m", "CHATMAID_API_KEY_LIVE": "sk_l", "CHATMAID_API_KEY_SECRET_3": "sk_3"}
BEARER = ("Authorization", f"Bearer {MAIN}")
JSON = ("Content-Type", "application/json")


def exchange(
    method: str = "GET",
    path: str = "/v1/messages",
    headers: tuple[tuple[str, str], ...] = (BEARER,),
    body: str | None = None,
) -> Exchange:
    request = Request(method, f"http://127.0.0.1:9{path}", path, (), headers, body)
    return Exchange(7, "chatmaid", None, "x/y", "main", request, None, None, 0, 0)


def words(command: str) -> list[str]:
    """What a shell makes of the command, without the words every command begins with."""
    called = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"],
        env={**os.environ, **VARIABLES},
        capture_output=True,
        text=True,
        check=True,
    )
    found = called.stdout.split("\0")[:-1]
    assert found[:3] == ["curl", "-sS", "-i"]
    return found[3:]


def test_a_read_is_a_get_with_the_key_as_a_variable() -> None:
    command = HERE.curl(exchange())
    assert command == 'curl -sS -i http://127.0.0.1:9/v1/messages -H "Authorization: Bearer $CHATMAID_API_KEY"'
    assert words(command) == ["http://127.0.0.1:9/v1/messages", "-H", "Authorization: Bearer sk_m"]


@pytest.mark.parametrize(
    ("placeholder", "key"), [(MAIN, "sk_m"), (LIVE, "sk_l"), (ISSUED, "sk_3")], ids=["main", "role", "issued"]
)
def test_every_key_has_a_variable_of_its_own_wherever_it_stands(placeholder: str, key: str) -> None:
    sent = exchange(
        "POST", f"/v1/{placeholder}?a=$b", (("X-Key", f'"{placeholder}"'), JSON), f"{{'a': '{placeholder}'}}"
    )
    url = f"http://127.0.0.1:9/v1/{key}?a=$b"
    assert words(HERE.curl(sent)) == [
        url, "-H", f'X-Key: "{key}"', "-H", "Content-Type: application/json", "--data-raw", f"{{'a': '{key}'}}",
    ]  # fmt: skip


@pytest.mark.parametrize("body", ['{"a": "it\'s $HOME `id` \\" !"}', "", "@/etc/passwd", "Grüße 👋", "\\u0000"])
def test_a_body_is_sent_as_it_was(body: str) -> None:
    assert words(HERE.curl(exchange("POST", headers=(JSON,), body=body)))[-2:] == ["--data-raw", body]


@pytest.mark.parametrize("body", ["x" * (LONGEST_INLINE + 1), '{"a":\n1}', "\x07"])
def test_a_body_that_is_long_or_cannot_be_shown_comes_from_a_file(body: str) -> None:
    sent = exchange("POST", headers=(JSON,), body=body)
    assert HERE.body_file(sent) == Path("reports/bodies/7.txt")
    assert words(HERE.curl(sent))[-2:] == ["--data-binary", "@reports/bodies/7.txt"]


def test_a_long_body_with_a_key_stays_in_the_command_since_a_file_has_no_variables() -> None:
    body = "x" * LONGEST_INLINE + MAIN
    assert words(HERE.curl(exchange("POST", body=body)))[-1] == "x" * LONGEST_INLINE + "sk_m"


@pytest.mark.parametrize(
    ("method", "body", "option"),
    [
        ("GET", None, []),
        ("POST", "{}", []),
        ("GET", "{}", ["-X", "GET"]),
        ("POST", None, ["-X", "POST"]),
        ("PUT", "{}", ["-X", "PUT"]),
        ("DELETE", None, ["-X", "DELETE"]),
        ("HEAD", None, ["--head"]),
    ],
)
def test_the_method_is_named_only_where_curl_would_choose_another(
    method: str, body: str | None, option: list[str]
) -> None:
    found = words(HERE.curl(exchange(method, headers=(JSON,), body=body)))
    assert found[: len(option)] == option
    assert found[len(option)] == "http://127.0.0.1:9/v1/messages"


@pytest.mark.parametrize(
    ("path", "option"), [("/v1/../account", "--path-as-is"), ("/v1/messages?status[]=a", "--globoff")]
)
def test_curl_leaves_an_odd_address_alone(path: str, option: str) -> None:
    assert words(HERE.curl(exchange(path=path)))[:2] == [option, f"http://127.0.0.1:9{path}"]


def test_curl_adds_no_header_of_its_own_to_a_body_without_a_type_and_keeps_an_empty_one() -> None:
    sent = exchange("POST", headers=(("Authorization", ""),), body="{}")
    assert words(HERE.curl(sent))[1:5] == ["-H", "Authorization;", "-H", "Content-Type:"]


def test_what_went_to_the_embedded_sandbox_goes_to_one_that_can_be_started() -> None:
    embedded = Replay("K", Path(), "", base="http://127.0.0.1:8601", shown={"main": "sk_test_sandbox"})
    assert words(embedded.curl(exchange())) == [
        "http://127.0.0.1:8601/v1/messages", "-H", "Authorization: Bearer sk_test_sandbox",
    ]  # fmt: skip
