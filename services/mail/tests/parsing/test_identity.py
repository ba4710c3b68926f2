from mail.parsing.identity import content_hash, header_references, message_id

MAIL = b"From: ana@example.com\r\nSubject: Oi\r\nMessage-ID: <1@example.com>\r\n\r\nBom dia\r\n"


def test_trace_headers_of_a_second_way_do_not_change_the_hash() -> None:
    first = b"Received: from a by b;\r\n\tMon, 6 Oct 2025\r\nReturn-Path: <ana@example.com>\r\n" + MAIL
    second = (
        b"Delivered-To: sac@example.com\r\nARC-Seal: i=1;\r\n a=rsa\r\nAuthentication-Results: mx; spf=pass\r\n"
        b"Received-SPF: pass\r\nX-Spam-Score: 1\r\nX-Original-To: sac@example.com\r\nDKIM-Signature: v=1;\r\n b=x\r\n"
        + MAIL
    )
    assert (
        content_hash(MAIL) == content_hash(first) == content_hash(second) == content_hash(MAIL.replace(b"\r\n", b"\n"))
    )


def test_content_makes_the_hash() -> None:
    others = [
        MAIL.replace(b"Oi", b"Ola"),
        MAIL.replace(b"Bom", b"bom"),
        MAIL + b"Received: from a\r\n",
        MAIL.replace(b"Subject: Oi", b"Subject: Oi\r\nReceived-By-Me: x"),
        MAIL.replace(b"\r\n\r\n", b"\r\n"),
    ]
    assert len({content_hash(mail) for mail in [MAIL, *others]}) == 6


def test_trace_headers_are_looked_for_where_mails_have_them_and_all_else_is_hashed_as_it_is() -> None:
    few, many = b"Received: a\r\n b\r\n" * 10_000, b"Received: a\r\n b\r\n" * 600_000
    assert content_hash(few + MAIL) == content_hash(MAIL) != content_hash(many + MAIL)
    assert content_hash(many + MAIL) != content_hash(many + b" " + MAIL)
    assert content_hash(b"X-A: b\r\n" * 1_200_000 + MAIL) != content_hash(MAIL)


def test_line_ends_are_the_same_wherever_they_stand_in_a_long_mail() -> None:
    """A mail is hashed in pieces, and a line end may lie on their border."""
    for length in range(65_520, 65_540):
        body = b"x" * length + b"\r\n" + b"y" * 65_536 + b"\r"
        assert content_hash(MAIL + body + b"z\r\n\r\n") == content_hash(MAIL + body.replace(b"\r\n", b"\n") + b"z")
        assert content_hash(MAIL + body + b"z") != content_hash(MAIL + body.replace(b"\r", b"") + b"z")
    assert content_hash(MAIL + b"\r\n" * 100_000) == content_hash(MAIL + b"\n" * 65_537) == content_hash(MAIL)


def test_a_message_id_is_found_in_any_spelling() -> None:
    assert message_id(MAIL) == "1@example.com"
    assert message_id(b"message-id:\r\n <1@example.com>\r\n\r\n") == "1@example.com"
    assert message_id(b"Message-ID: 1@example.com\r\n\r\n") == "1@example.com"
    assert message_id(b"Subject: Oi\r\n\r\nMessage-ID: <in@the.body>\r\n") == ""


def test_references_are_bounded_and_keep_the_root_and_the_newest() -> None:
    ids = [f"{number}@example.com" for number in range(5_000)]
    raw = "References: " + "\r\n ".join(f"<{name}>" for name in ids) + "\r\nIn-Reply-To: <last@example.com>\r\n\r\n"
    found = header_references(raw.encode())
    assert len(found) == 100
    assert found[0] == "0@example.com"
    assert found[-2:] == ("4999@example.com", "last@example.com")


def test_a_broken_reference_does_not_hide_the_others() -> None:
    raw = b"References: <a@example.com> <broken <b@example.com>, c\r\n\r\n"
    assert header_references(raw) == ("a@example.com", "b@example.com")
