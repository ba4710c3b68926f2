import pytest

from mail.parsing.quoting import new_text, snippet

HISTORIES = [
    "Em seg., 6 de out. de 2025 às 10:00, SAC <sac@example.com> escreveu:\n> Olá",
    "Em seg., 6 de out. de 2025 às 10:00, Serviço de Atendimento ao Consumidor <\nsac@example.com> escreveu:\n> Olá",
    "Em 06/10/2025 10:00, SAC escreveu:\nOlá",
    "On Mon, Oct 6, 2025 at 10:00 AM SAC <sac@example.com> wrote:\n> Hi",
    "On Mon, Oct 6, 2025 at 10:00 AM, Customer Service Department\nof Example\n<sac@example.com> wrote:\n> Hi",
    "De: SAC <sac@example.com>\nEnviada em: segunda-feira, 6 de outubro de 2025 10:00\nPara: Ana\nAssunto: RES: Pedido\n\nOlá",
    "De: SAC <sac@example.com>\n\nEnviado: segunda-feira\nPara: Ana\nAssunto: ENC: Pedido\n\nOlá",
    "*De:* SAC\n*Enviada em:* segunda-feira\n*Para:* Ana\n\nOlá",
    "________________________________\nDe: SAC <sac@example.com>\nEnviado: segunda-feira\n\nOlá",
    "From: SAC <sac@example.com>\nSent: Monday\nTo: Ana\nSubject: RE: Order\n\nHi",
    "-----Mensagem original-----\nOlá",
    "---------- Mensagem encaminhada ---------\nOlá",
    "-----Original Message-----\nHi",
    "---------- Forwarded message ----------\nHi",
    "> Olá\n>> antes",
    'De: "SAC" <sac@example.com>\nPara: "Ana" <ana@example.com>\nEnviadas: Segunda-feira, 6 de outubro\nAssunto: Pedido\n\nOlá',
    "Data: seg., 6 de out.\nDe: SAC <sac@example.com>\nPara: Ana\n\nOlá",
    "2014-10-06 10:00 GMT-03:00 SAC <sac@example.com>:\n\n> Olá",
    "SAC <sac@example.com> escreveu em seg., 6 de out. de 2025:\n> Olá",
    "---- Em seg, 06 out 2025 10:00:00 -0300 SAC <sac@example.com> escreveu ----\nOlá",
    "Em segunda-feira, 6 de outubro de 2025 10:00:00 BRT, SAC <sac@example.com> escreveu: \n\nOlá",
    "----- Mensagem encaminhada de SAC <sac@example.com> -----\nOlá",
    "Início da mensagem encaminhada:\n\n> De: SAC",
    "> Em 6 de out. de 2025, à(s) 10:00, SAC <sac@example.com> escreveu:\n> \n> Olá",
]


@pytest.mark.parametrize("history", HISTORIES)
def test_the_history_is_cut_off(history: str) -> None:
    assert snippet(f"Ainda não chegou.\n\nAna\n\n{history}") == "Ainda não chegou. Ana"
    assert new_text(f"Ainda não chegou.\n\nAna\n\n{history}") == "Ainda não chegou.\n\nAna"


@pytest.mark.parametrize(
    "text",
    [
        "Em anexo segue o comprovante que o banco emitiu.",
        "De: onde vem este preço?",
        "Para: todos os efeitos, cancelem.",
        "On the box it wrote nothing",
        "Em breve escreverei: aguardem",
        "Ela me escreveu: não vai chegar",
        "Em 2019 minha mãe escreveu",
        "Em anexo o que ela escreveu:",
        "De: Recife Para: Natal",
        "Enviado do meu iPhone",
        "Mensagem original: não a tenho mais.",
    ],
)
def test_new_text_that_looks_alike_stays(text: str) -> None:
    assert snippet(text) == new_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "  Olá,\n\n\n  quero trocar.\n\n--\nAna\n\n",
        "De: Recife\nPara: Natal\nData: 10/10/2026\n",
        "RES: Pedido 123\nAinda não chegou.",
        "________________________________\nAna Souza\nGerente",
        "",
        "\n\n",
    ],
)
def test_where_nothing_is_quoted_the_new_text_is_the_very_text(text: str) -> None:
    assert new_text(text) == text


def test_answers_between_quoted_lines_are_new() -> None:
    assert snippet("> Qual o número?\n123\n> E o nome?\nAna") == "123 Ana"
    below = "Em 06/10/2025 10:00, SAC escreveu:\n> Qual o número?\n> E o nome?\n\n123\nAna"
    assert new_text(below) == "123\nAna"


def test_a_mail_that_is_all_history_shows_it() -> None:
    assert snippet("> Olá\n> Ana") == "Olá Ana"
    assert snippet("---------- Forwarded message ----------\nFrom: a\nOlá").startswith("---------- Forwarded")


def test_the_echo_of_a_subject_is_no_text() -> None:
    assert snippet("RES: Pedido 123\nAinda não chegou.") == "Ainda não chegou."


def test_long_text_is_cut_between_words() -> None:
    cut = snippet("palavra " * 100)
    assert cut.endswith("palavra…")
    assert 190 <= len(cut) <= 201


@pytest.mark.parametrize(
    "killer",
    ["Em " * 500_000, "On a, b wrote " * 200_000, ("> " * 50 + "\n") * 40_000, "De: a\n" * 300_000, "-" * 2_000_000],
)
def test_no_history_makes_it_slow(killer: str) -> None:
    assert len(snippet(killer)) <= 201
    assert len(new_text(killer)) <= len(killer)


def test_composed_emoji_stay_whole() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert snippet(f"Somos {family}") == f"Somos {family}"
