# [hello.py]
def greet(name: memoryview) -> bytes:
    """Greet somebody by name, who must have one."""
    if not name:
        raise ValueError("whom shall I greet?")
    return b"Hello, " + name + b", from an interpreter of its own!"
# [/hello.py]
