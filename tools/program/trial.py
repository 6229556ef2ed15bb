"""Runs the trials of `interp-actors sweep`, behind user_code.py and output.py."""


class Pruned(BaseException):
    """Raised by report() in a trial that is not worth going on. It is no Exception, so that `except Exception` lets it through."""


class Trial(Speaker):
    """A trial that runs."""

    pruned = False

    def report(self, step: int, /, **metrics: float) -> None:
        """Report metrics of a step.

        Args:
            step: counts up, from wherever.
            metrics: numbers.

        Raises:
            Pruned: the trial is worse than others were at this step, and should end.
        """
        numbers = {}
        for name, value in metrics.items():
            try:
                numbers[name] = float(value)
            except (TypeError, ValueError):
                raise TypeError(f"report({name}=...): {value!r} is no number") from None
        if self.recorder.report(self.call, int(step), numbers, timeout=math.inf):
            self.pruned = True
            raise Pruned(f"not worth going on after step {step}")


if USER_CODE["capture"]:
    capture()
user_run, _ = function(load(), "run", {2: "params, report"})


def about() -> str:
    """Return the version of Python, and the files that belong to the experiment with their hashes."""
    return json.dumps({"python": sys.version.split()[0], "files": modules()})


def run(work: str, recorder: interp_actors.Reference) -> str:
    """Run one trial and return what became of it as JSON."""
    global speaker
    work = json.loads(work)
    mine = Trial(work["call"], recorder)
    before = interp_actors.previous_death()
    incarnation = before.incarnation + 1 if before else 1
    recorder.begin(mine.call, interp_actors.current().name, incarnation, timeout=math.inf)
    # Only who has imported it can use it; importing it costs milliseconds.
    if random := sys.modules.get("random"):
        random.seed(work["random"])
    speaker = mine
    try:
        result = user_run(work["parameters"], mine.report)
    except Pruned:
        mine.pruned = True
    finally:
        mine.finish_output()
        speaker = None
    if mine.pruned:
        return '{"pruned": true}'
    if not isinstance(result, dict):
        raise TypeError(f"run() returned {type(result).__name__}, where a dict of results is expected")
    return '{"result": ' + to_json(result, "what run() returned") + "}"
