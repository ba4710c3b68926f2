"""A customer's mail becomes a ticket that somebody starts: by SMTP in, in the browser out."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import httpx
from e2e_support import Browser, Collector, System, all_tickets, arrives, letter
from playwright.sync_api import expect

from servicekit.testing import eventually


def row_of(page, subject: str):
    return page.get_by_test_id("queue-row").filter(has_text=subject)


def test_a_mail_appears_in_the_open_queue_and_a_start_takes_it_out_of_everyone_elses(
    system: System, browser: Browser
) -> None:
    subject = f"Geladeira com defeito {uuid4().hex[:8]}"
    ana, bruno = browser.page("ana"), browser.page("bruno")
    mail = letter(subject, "Minha geladeira parou.")
    mail.add_alternative(
        "<p>Minha <b>geladeira</b> parou.</p><script>parent.document.title='tomado'</script><img src=x onerror=alert(1)>",
        subtype="html",
    )
    mail.add_attachment(b"%PDF-1.4 nota", maintype="application", subtype="pdf", filename="nota fiscal ção.pdf")
    system.send(mail)
    for page in (ana, bruno):
        expect(row_of(page, subject)).to_be_visible(timeout=20_000)

    row_of(ana, subject).first.click()
    expect(ana.get_by_test_id("ticket-protocol")).to_have_text(re.compile(r"\d{17}"))
    body = ana.frame_locator("[data-testid=message-frame]").locator("body")
    expect(body).to_contain_text("Minha geladeira parou.")
    assert body.locator("script").count() == 0
    expect(ana.get_by_test_id("attachment")).to_contain_text("nota fiscal ção.pdf")
    with ana.expect_download() as download:
        ana.get_by_test_id("attachment").get_by_role("link").or_(ana.get_by_test_id("attachment")).first.click()
    assert download.value.path().read_bytes().startswith(b"%PDF-1.4 nota")

    ana.get_by_test_id("start-button").click()
    expect(ana.get_by_test_id("ticket-status")).to_have_text("Iniciado")
    expect(ana.get_by_test_id("ticket-holder")).to_contain_text("Ana Souza")
    expect(ana.get_by_test_id("start-button")).to_have_count(0)
    expect(row_of(bruno, subject)).to_have_count(0, timeout=20_000)
    assert "tomado" not in ana.title()


def test_somebody_who_looks_at_a_ticket_is_told_when_another_starts_it(system: System, browser: Browser) -> None:
    subject = f"Corrida {uuid4().hex[:8]}"
    with system.client("ana") as ana:
        system.send(letter(subject))
        ticket = arrives(ana, subject)
        page = browser.page("bruno")
        row_of(page, subject).first.click()
        expect(page.get_by_test_id("start-button")).to_be_visible()
        assert ana.post(f"/tickets/{ticket['id']}:start").status_code == 200
        expect(page.get_by_text("saiu da sua fila")).to_be_visible(timeout=20_000)
        expect(page.get_by_test_id("start-button")).to_have_count(0)


def test_of_many_who_start_at_once_through_the_gateway_one_wins(system: System) -> None:
    subject = f"Disputa {uuid4().hex[:8]}"
    with ExitStack() as stack:
        clients = [stack.enter_context(system.client(name)) for name in ("ana", "bruno", "fabio", "carla")]
        system.send(letter(subject))
        answers = race(clients, arrives(clients[0], subject)["id"])
    winners = [body for status, body in answers if status == 200]
    losers = [body for status, body in answers if status == 409]
    assert len(winners) == 1
    assert len(losers) == 11
    assert {body["code"] for body in losers} == {"TICKET_ALREADY_STARTED"}
    assert all(winners[0]["holder"]["name"] in str(body) for body in losers)


def race(clients: list[httpx.Client], ticket_id: str) -> list[tuple[int, dict]]:
    """Twelve presses at once, three of each client."""
    barrier = threading.Barrier(12)

    def press(number: int) -> tuple[int, dict[str, object]]:
        barrier.wait()
        answer = clients[number % 4].post(f"/tickets/{ticket_id}:start")
        return answer.status_code, answer.json()

    with ThreadPoolExecutor(12) as pool:
        return list(pool.map(press, range(12)))


def test_another_level_of_the_same_department_sees_nothing_of_it(system: System) -> None:
    subject = f"Do suporte {uuid4().hex[:8]}"
    with system.client("fabio") as fabio, system.client("ana") as ana, ana.stream("GET", "/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        total = ana.get("/tickets:counts").json()["total"]
        system.send(letter(subject), to="suporte@demo.guiche")
        ticket = arrives(fabio, subject)
        seen = f"Da fila dela {uuid4().hex[:8]}"
        system.send(letter(seen))
        mine = arrives(ana, seen)
        told = next(line for line in lines if line.startswith("data:") and "ticketId" in line)
        assert mine["id"] in told
        assert ticket["id"] not in {row["id"] for row in all_tickets(ana, levelId=ticket["level"]["id"])}
        assert ana.get("/tickets:counts").json()["total"] == total + 1
        for path in ("", "/messages", "/interactions", f"/attachments/{ticket['id']}"):
            assert ana.get(f"/tickets/{ticket['id']}{path}").status_code == 404
        assert ana.post(f"/tickets/{ticket['id']}:start").status_code == 404


def test_other_departments_and_levels_see_nothing_of_it(system: System) -> None:
    subject = f"Sigilo {uuid4().hex[:8]}"
    with system.client("ana") as ana, system.client("davi") as davi, system.client("elisa") as elisa:
        system.send(letter(subject))
        ticket = arrives(ana, subject)
        for stranger in (davi, elisa):
            assert ticket["id"] not in {row["id"] for row in all_tickets(stranger)}
            for path in ("", "/messages", "/interactions"):
                answer = stranger.get(f"/tickets/{ticket['id']}{path}")
                assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_NOT_FOUND")
            answer = stranger.post(f"/tickets/{ticket['id']}:start")
            assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_NOT_FOUND")


def test_what_a_colleague_starts_is_out_of_sight_at_once_by_every_route(system: System) -> None:
    subject = f"Levado {uuid4().hex[:8]}"
    mail = letter(subject)
    mail.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="nota.pdf")
    with system.client("ana") as ana, system.client("bruno") as bruno:
        system.send(mail)
        base = f"/tickets/{arrives(bruno, subject)['id']}"
        attachment = bruno.get(f"{base}/messages").json()["messages"][0]["attachments"][0]["id"]
        routes = [base, f"{base}/messages", f"{base}/interactions", f"{base}/attachments/{attachment}"]
        assert [bruno.get(route).status_code for route in routes] == [200] * 4
        assert ana.post(f"{base}:start").status_code == 200
        assert {bruno.get(route).json()["code"] for route in routes} == {"TICKET_NOT_FOUND"}
        assert subject not in {row["subject"] for row in all_tickets(bruno)}
        assert [ana.get(route).status_code for route in routes] == [200] * 4


def test_one_trace_leads_from_smtp_to_the_browsers(system: System, collector: Collector) -> None:
    subject = f"Rastro {uuid4().hex[:8]}"
    wanted = ("mail", "routing", "publisher", "ticket", "gateway")
    with system.client("ana") as ana, ana.stream("GET", "/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        system.send(letter(subject))
        for line in lines:
            if "opened" in line:
                break
        arrives(ana, subject)

    def complete() -> bool:
        return any(
            all(any(name.startswith(f"guiche-{service}:") for name in collector.names_of(trace)) for service in wanted)
            for trace in collector.traces_with("smtp", "push")
        )

    eventually(complete, seconds=20)


def test_a_phone_shows_queue_ticket_and_start(system: System, browser: Browser) -> None:
    subject = f"No celular {uuid4().hex[:8]}"
    system.send(letter(subject))
    page = browser.page("ana", width=390, height=844)
    expect(row_of(page, subject)).to_be_visible(timeout=20_000)
    row_of(page, subject).first.click()
    page.get_by_test_id("start-button").click()
    expect(page.get_by_test_id("ticket-status")).to_have_text("Iniciado")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
