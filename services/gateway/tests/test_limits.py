"""How much one client may ask for."""

from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from gateway.failures import TooManyRequests
from gateway.limits import MAX_BUCKETS, Limiter, client_address, counted_as
from gateway.testing import World, serving, settings_for


def test_a_bucket_empties_and_fills_again() -> None:
    now = [0.0]
    limiter = Limiter(rate=2, burst=3, now=lambda: now[0])
    for _ in range(3):
        limiter.take("a")
    with pytest.raises(TooManyRequests) as refused:
        limiter.take("a")
    assert refused.value.metadata == {"retry_after": "1"}
    limiter.take("b")
    now[0] = 0.5
    limiter.take("a")
    with pytest.raises(TooManyRequests):
        limiter.take("a")


def test_ever_new_keys_do_not_fill_the_memory() -> None:
    limiter = Limiter(rate=1, burst=1)
    for number in range(MAX_BUCKETS + 10):
        limiter.take(str(number))
    assert len(limiter.buckets) == MAX_BUCKETS


PROXIES = [ip_network("10.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("1.2.3.4", "", "1.2.3.4"),
        ("1.2.3.4", "6.6.6.6", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", "9.9.9.9, 6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", "9.9.9.9, 6.6.6.6, 10.0.0.2", "6.6.6.6"),
        ("::1", "6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", "nonsense", "nonsense"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("", "6.6.6.6", ""),
    ],
)
def test_only_our_own_proxies_are_believed_about_the_client(peer: str, forwarded_for: str, address: str) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == address


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:0:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "nonsense"),
        ("", ""),
    ],
)
def test_the_addresses_that_one_client_is_given_share_a_limit(address: str, counted: str) -> None:
    assert counted_as(address) == counted


def test_an_address_and_an_attendant_have_limits_of_their_own(
    keys_folder: Path, addresses: dict[str, str], world: World
) -> None:
    limits = {"address_rate": 0.001, "address_burst": 6, "attendant_rate": 0.001, "attendant_burst": 2}
    with (
        serving(settings_for(keys_folder, trusted_proxies="127.0.0.0/8", **limits, **addresses)) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
    ):

        def ask(address: str, attendant: str) -> int:
            headers = world.headers(attendant) | {"X-Forwarded-For": address}
            return client.get("/api/v1/me", headers=headers).status_code

        assert [ask("1.1.1.1", "a") for _ in range(3)] == [200, 200, 429]
        assert [ask("1.1.1.1", "b") for _ in range(4)] == [200, 200, 429, 429]
        assert ask("2.2.2.2", "c") == 200
        stream = {"X-Forwarded-For": "3.3.3.3"} | world.headers("a")
        assert client.get("/api/v1/events", headers=stream).json()["code"] == "TOO_MANY_REQUESTS"
        refused = client.get("/api/v1/me", headers=world.headers("c") | {"X-Forwarded-For": "1.1.1.1"})
        assert refused.json()["code"] == "TOO_MANY_REQUESTS"
        assert int(refused.headers["Retry-After"]) > 0
        assert client.get("/livez", headers={"X-Forwarded-For": "1.1.1.1"}).status_code == 200


def test_a_header_with_an_underscore_is_not_taken_for_the_real_one(
    keys_folder: Path, addresses: dict[str, str], world: World
) -> None:
    with (
        serving(settings_for(keys_folder, trusted_proxies="127.0.0.0/8", **addresses)) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
    ):
        headers = {"X_Forwarded_For": "6.6.6.6"}
        client.post("/api/v1/auth:login", headers=headers, json={"username": "ana", "password": "guiche"})
        assert world.calls_of("SignIn")[0].request.client_address == "127.0.0.1"
