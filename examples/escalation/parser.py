# [parser.py]
# `starts` is the sending end of a channel.
def started() -> None:
    """Tell that this incarnation can be called."""
    starts.send(b"up")


def parse(text: memoryview) -> bytes:
    """Take only numbers."""
    return b"%d is a number" % int(bytes(text))
# [/parser.py]
