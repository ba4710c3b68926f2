import pytest

from publisher.domain import MAX_NAME, name_of, normalised, unusable


def test_addresses_are_compared_without_case_and_without_space_around_them() -> None:
    assert normalised(" Maria.SOUZA@Exemplo.COM.br ") == "maria.souza@exemplo.com.br"


def test_the_same_letters_written_in_two_ways_are_one_address() -> None:
    assert normalised("jose\u0301@exemplo.com") == normalised("JOSÉ@exemplo.com")


def test_addresses_that_only_look_alike_stay_different() -> None:
    assert normalised("straße@exemplo.com") != normalised("strasse@exemplo.com")


@pytest.mark.parametrize("letter", ["İ", "\ufb2c", "\U0001d160"])
def test_an_address_never_grows_beyond_what_neighbours_take(letter: str) -> None:
    address = letter * 300 + "@exemplo.com"
    assert normalised(address) == address


@pytest.mark.parametrize("value", ["", "a\0b@exemplo.com", "a\r\nbcc: b@exemplo.com"])
def test_what_cannot_be_an_address_is_unusable(value: str) -> None:
    assert unusable(value)


@pytest.mark.parametrize(
    ("display_name", "name"),
    [
        ("Maria Souza", "Maria Souza"),
        ("  Maria \t\r\n Souza ", "Maria Souza"),
        ("", "m@exemplo.com"),
        (" \u200b\u202e ", "m@exemplo.com"),
        ("Ma\0ria", "Maria"),
        ("moc.ocnab@\u202eoa", "moc.ocnab@oa"),
        ("presidente@banco.com", "presidente@banco.com"),
        ("👩\u200d💻 Ana", "👩\u200d💻 Ana"),
    ],
)
def test_a_publisher_is_called_by_the_name_they_gave_else_by_their_address(display_name: str, name: str) -> None:
    assert name_of(display_name, "m@exemplo.com") == name


def test_a_name_is_cut_at_its_limit() -> None:
    assert name_of("x" * 1000, "m@exemplo.com") == "x" * MAX_NAME
