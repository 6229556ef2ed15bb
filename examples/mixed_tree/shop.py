# [shop.py]
import interp_actors as ia


def order(stock: ia.Reference, count: int) -> str:
    """Take something from the stock, which is an actor in C++."""
    try:
        return f"{count} sold, {stock.take(count)} left"
    except ia.ActorError:
        return f"{count} not sold, the stock has failed"
# [/shop.py]
