import pytest

from mail.parsing.addresses import parse_addresses
from mail.parsing.charsets import decode
from mail.parsing.headers import decode_words, plain, unfold
from mail.parsing.model import Address


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("ana@Example.COM", [Address("", "ana@example.com")]),
        ("Ana Silva <Ana@example.com>", [Address("Ana Silva", "Ana@example.com")]),
        ('"Silva, Ana" <ana@example.com>, bia@example.com', [Address("Silva, Ana", "ana@example.com"), Address("", "bia@example.com")]),
        ("Silva, Ana <ana@example.com>", [Address("Silva, Ana", "ana@example.com")]),
        ("ana@example.com (Ana)", [Address("Ana", "ana@example.com")]),
        ("'Ana' <ana@example.com>", [Address("Ana", "ana@example.com")]),
        ("=?utf-8?q?Jos=C3=A9=2C_Ana?= <ana@example.com>", [Address("José, Ana", "ana@example.com")]),
        ('"=?utf-8?b?Sm9zw6k=?=" <ana@example.com>', [Address("José", "ana@example.com")]),
        ("ana@example.com <ana@example.com>", [Address("", "ana@example.com")]),
        ("Equipe: ana@example.com, Bia <bia@example.com>;", [Address("", "ana@example.com"), Address("Bia", "bia@example.com")]),
        ("undisclosed-recipients:;", []),
        ("ana@exa\u202emple.com", [Address("ana@example.com", "")]),
        ("Ana", [Address("Ana", "")]),
        ("<>", []),
        ("ana@example.com @bruno", [Address("", "ana@example.com")]),
        ("Ana @ Loja ana@loja.com.br", [Address("Ana Loja", "ana@loja.com.br")]),
        ("joao@example.com @ acme.com", [Address("acme.com", "joao@example.com")]),
        ("<@relay.example:ana@example.com>", [Address("", "ana@example.com")]),
        ("real@bank.example <ana@example.com>", [Address("real@bank.example", "ana@example.com")]),
        ("Ana Silva ana@example.com", [Address("Ana Silva", "ana@example.com")]),
        ("ana@example.com bia@example.com", [Address("", "ana@example.com"), Address("", "bia@example.com")]),
        ("ana @ example . com", [Address("", "ana@example.com")]),
        # Of somebody else, or of nobody, but certainly not anasilva@example.com.
        ('"ana silva"@example.com', [Address("ana silva @example.com", "")]),
        ('"ana silva@example.com"', [Address("ana silva@example.com", "")]),
        ('"ana.silva"@example.com', [Address("", "ana.silva@example.com")]),
        ("ana@example.com; bia@example.com", [Address("", "ana@example.com"), Address("", "bia@example.com")]),
    ],
)  # fmt: skip
def test_addresses_are_read_as_clients_write_them(value: str, found: list[Address]) -> None:
    assert list(parse_addresses(value, 200, set())) == found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?utf-8?q?A=C3=A7=C3=A3o?=", "Ação"),
        ("=?UTF-8?B?QcOnw6Nv?= já", "Ação já"),
        ("=?iso-8859-1?Q?A=E7=E3o_de?= =?iso-8859-1?Q?_gra=E7as?=", "Ação de graças"),
        ("=?utf-8?b?QcM=?= =?utf-8?b?p8Ojbw==?=", "Ação"),
        ("=?utf-8*pt?q?Ol=C3=A1?=", "Olá"),
        ("=?utf-8?q?em_aberto", "=?utf-8?q?em_aberto"),
        ("=?utf-8?b?QcOnw6?=", "Aç\ufffd"),
        ("=?iso-8859-1?Q?A=C3=A7=C3=A3o?=", "Ação"),
        ("=?ks_c_5601-1987?b?vcXHwQ==?=", "신프"),
    ],
)
def test_encoded_words_become_text(value: str, text: str) -> None:
    assert decode_words(value, set()) == text


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("utf8", "é".encode(), "é"),
        ("UTF-8", "é".encode(), "é"),
        ("us-ascii", "é".encode("cp1252"), "é"),
        ("iso-8859-1", b"\x93a\x94", "“a”"),
        ("iso-8859-1", "ação".encode(), "ação"),
        ("Windows-1252", "ação".encode(), "ação"),
        ("iso-8859-1", "AÇÃO".encode("cp1252"), "AÇÃO"),
        ("big5", "¤".encode(), "瞻"),
        ("ks_c_5601-1987", "스티해".encode("cp949"), "스티해"),
        ("iso-8859-8-i", "שלום".encode("iso8859-8"), "שלום"),
        ("gb2312", "镕".encode("gb18030"), "镕"),
        ("Shift_JIS", "①".encode("cp932"), "①"),
        ("windows-1251", "да".encode("cp1251"), "да"),
        ("", "é".encode(), "é"),
        ("", "é".encode("cp1252"), "é"),
        ("x-unknown", "é".encode(), "é"),
    ],
)
def test_charsets_are_taken_as_senders_mean_them(charset: str, data: bytes, text: str) -> None:
    assert decode(data, charset, set()) == text


@pytest.mark.parametrize("charset", ["iso-8859-1", ""])
def test_text_that_is_cut_within_a_character_is_read_up_to_it(charset: str) -> None:
    warnings: set[str] = set()
    assert decode("ação".encode()[:-4], charset, warnings, cut=True) == "a"
    assert not warnings


@pytest.mark.parametrize("folded", [b"Pedido\r\n 123", b"Pedido\r\n \r\n\t 123", b"Pedido\n\t\n 123"])
def test_however_often_a_line_is_folded_one_space_is_left(folded: bytes) -> None:
    assert unfold(folded, set()) == "Pedido 123"


def test_nobody_turns_the_direction_of_a_subject() -> None:
    assert plain("Boleto \u202exe.fdp") == "Boleto xe.fdp"
