"""Notes as people see them: what another home signed is shown as text, without what deceives."""

from andon.releases.notes import LARGEST_BYTES, Notes, shown


def test_what_others_signed_is_shown_without_what_deceives() -> None:
    hostile = "<script>1</script>\r\n\x1b[2Jgone \u202eback\n".encode() + b"\xff"
    assert shown(hostile) == Notes("<script>1</script>\n[2Jgone back\n\ufffd")
    assert shown(b"x" * (LARGEST_BYTES + 1)) == Notes(
        fault="its notes have 65537 bytes; 65536 is the most that is shown"
    )
