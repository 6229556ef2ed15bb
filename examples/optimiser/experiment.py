"""Which settings let gradient descent with momentum find the bottom of Rosenbrock's valley? Pure Python, no packages.

    interp-actors sweep experiment.py --grid lr=0.0005,0.001,0.002 --grid momentum=0.0,0.5,0.9 --metric loss
"""

import math

START = (-1.5, 2.0)


# [experiment.py]
def run(params, report):
    """Descend, and tell how far it came."""
    x, y = START
    vx = vy = 0.0
    for step in range(params.get("steps", 2000)):
        gx, gy = gradient(x, y)
        vx = params["momentum"] * vx - params["lr"] * gx
        vy = params["momentum"] * vy - params["lr"] * gy
        x, y = x + vx, y + vy
        if not math.isfinite(x + y):
            raise ArithmeticError(f"diverged at step {step}")
        if step % 100 == 0:
            report(step, loss=loss(x, y))
    print(f"ended at x={x:.4f}, y={y:.4f}")
    return {"loss": loss(x, y), "x": x, "y": y}
# [/experiment.py]


def loss(x, y):
    """Rosenbrock's function, whose minimum 0 lies at (1, 1)."""
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def gradient(x, y):
    """Its derivatives."""
    return -2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)
