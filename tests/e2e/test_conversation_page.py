"""The conversation as the attendant lives it: on the page, in Chromium, with the customer at the other end."""

import re
from uuid import uuid4

from conversing import answered_by_mail, somebody
from correspondent import Correspondent
from e2e_support import Browser, System, letter
from playwright.sync_api import Page, expect


def row_of(page: Page, subject: str):
    return page.get_by_test_id("queue-row").filter(has_text=subject)


def opened_ticket(page: Page, subject: str) -> None:
    expect(row_of(page, subject)).to_be_visible(timeout=30_000)
    row_of(page, subject).first.click()


def test_from_the_first_mail_to_the_conclusion_and_after(
    system: System, customers_server: Correspondent, browser: Browser
) -> None:
    customer, subject = somebody(), f"Geladeira {uuid4().hex[:8]}"
    ana, bruno = browser.page("ana"), browser.page("bruno")
    system.send(letter(subject, "Minha geladeira parou.", sender=f"Maria <{customer}>"), sender=customer)
    opened_ticket(ana, subject)
    expect(ana.get_by_test_id("timeline")).to_contain_text("Maria")
    ana.get_by_test_id("start-button").click()
    expect(ana.get_by_test_id("ticket-status")).to_have_text("Iniciado")
    expect(row_of(bruno, subject)).to_have_count(0, timeout=20_000)

    ana.get_by_test_id("open-reply").click()
    ana.get_by_test_id("reply-text").click()
    ana.keyboard.type("Bom dia! Segue a segunda via.")
    with ana.expect_file_chooser() as chooser:
        ana.get_by_test_id("attach").click()
    chooser.value.set_files([{"name": "segunda via.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 via"}])
    expect(ana.get_by_test_id("draft-file")).to_contain_text("segunda via.pdf")
    ana.get_by_test_id("send-as").click()
    ana.get_by_test_id("send-as-PENDING").click()
    ana.get_by_test_id("await-choice").click()
    ana.get_by_test_id("await-RELEASE").click()
    ana.keyboard.press("Escape")
    ana.get_by_test_id("send").click()
    expect(ana.get_by_test_id("ticket-status")).to_have_text("Aguardando resposta", timeout=20_000)
    expect(ana.get_by_test_id("delivery-state").last).to_contain_text("nviad", timeout=30_000)
    received = customers_server.reply(customer)
    assert "Segue a segunda via." in received.text
    assert [part.get_filename() for part in received.mail.iter_attachments()] == ["segunda via.pdf"]

    opened_ticket(bruno, subject)
    expect(bruno.get_by_test_id("timeline")).to_contain_text("Ana Souza")
    answered_by_mail(system, received, customer, "Recebi, obrigada. Pode encerrar.")
    for page in (ana, bruno):
        expect(page.get_by_test_id("ticket-status")).to_have_text("Respondido", timeout=30_000)
        expect(page.get_by_test_id("timeline")).to_contain_text("Pode encerrar.", timeout=20_000)

    bruno.get_by_test_id("start-button").click()
    expect(bruno.get_by_test_id("ticket-status")).to_have_text("Iniciado")
    bruno.get_by_test_id("verb-conclude").click()
    dialog = bruno.get_by_test_id("closing-dialog")
    dialog.get_by_test_id("service-type").click()
    bruno.get_by_role("option", name="Entrega").click()
    dialog.get_by_test_id("closing-submit").click()
    expect(dialog.get_by_test_id("missing-fields")).to_contain_text("Número do pedido")
    dialog.get_by_label(re.compile("Número do pedido")).fill("884213")
    dialog.get_by_label(re.compile("Motivo")).click()
    bruno.get_by_role("option", name="Atraso").click()
    dialog.get_by_test_id("closing-submit").click()
    expect(dialog).to_have_count(0, timeout=20_000)
    expect(row_of(bruno, subject)).to_have_count(0, timeout=20_000)

    answered_by_mail(system, received, customer, "Voltou a parar.")
    opened_ticket(bruno, subject)
    expect(bruno.get_by_test_id("ticket-status")).to_have_text("Aberto")
    expect(bruno.get_by_test_id("timeline")).to_contain_text("Voltou a parar.")
    expect(bruno.get_by_test_id("timeline")).not_to_contain_text("Minha geladeira parou.")
    if bruno.get_by_test_id("link-PREVIOUS").count() == 0:
        bruno.get_by_test_id("facts-toggle").click()
    expect(bruno.get_by_test_id("link-PREVIOUS")).to_be_visible()


def test_who_writes_while_something_arrives_is_warned_before_it_is_sent(
    system: System, customers_server: Correspondent, browser: Browser
) -> None:
    customer, subject = somebody(), f"Pressa {uuid4().hex[:8]}"
    page = browser.page("ana")
    system.send(letter(subject, sender=customer), sender=customer)
    opened_ticket(page, subject)
    page.get_by_test_id("start-button").click()
    page.get_by_test_id("open-reply").click()
    page.get_by_test_id("reply-text").click()
    page.keyboard.type("Vamos verificar.")
    answered_by_mail(system, customers_server.acknowledgement(customer), customer, "Esqueçam, já resolvi.")
    expect(page.get_by_test_id("arrived")).to_be_visible(timeout=30_000)
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("send-anyway")).to_be_visible()
    assert customers_server.replies(customer) == []
    expect(page.get_by_test_id("reply-text")).to_contain_text("Vamos verificar.")
    page.get_by_test_id("send-anyway").click()
    assert "Vamos verificar." in customers_server.reply(customer).text
