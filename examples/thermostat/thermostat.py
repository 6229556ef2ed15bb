# [thermostat.py]
from dataclasses import dataclass


@dataclass
class Reading:
    sensor: str
    celsius: float
    humidity: float | None


class Thermostat:
    def __init__(self, room: str, target: float):
        self.room = room
        self._target = target
        self.latest: dict[str, float] = {}

    def report(self, what: Reading) -> bool:
        self.latest[what.sensor] = what.celsius
        return sum(self.latest.values()) / len(self.latest) < self._target

    def target(self, celsius: float) -> None:
        if celsius > 30:
            raise ValueError(f"{celsius} degrees is no target for a room")
        self._target = celsius

    def summary(self) -> str:
        return f"{self.room}: {len(self.latest)} sensors, target {self._target:.1f}"
# [/thermostat.py]
