"""Calls the user's function for the items of `interp-actors map`, behind user_code.py."""

if "archive" in USER_CODE:  # on a node: behind output.py
    capture()
else:
    sys.stdout = sys.stderr  # the program's stdout is for results alone
user_function, arguments = function(load(), USER_CODE["function"],
                                    {1: "line"} if USER_CODE["lines"] else {1: "path", 2: "path, data"})


def about() -> str:
    """Return how many arguments the function takes."""
    return json.dumps({"arguments": arguments})


def apply(item: str, data: memoryview | None) -> str:
    """Return what the function makes of one item, as JSON."""
    result = user_function(item) if arguments == 1 else user_function(item, data)
    return to_json(result, f"what {USER_CODE['function']}() returned")


def apply_there(item: str, data: memoryview | None, screen: interp_actors.Reference) -> str:
    """Do the same on a node, and send to `screen` what the function prints."""
    global speaker
    speaker = mine = Speaker(item, screen)
    try:
        return apply(item, data)
    finally:
        mine.finish_output()
        speaker = None
