"""Adds up orders."""

import sys
import time


class EmptyOrder(Exception):
    """An order without items; its name and message are what the caller sees."""


# Kept between the calls of one environment.
calls = 0


def total(order, context):
    global calls
    calls += 1
    print("order of", order["customer"])
    items = order.get("items", [])
    if not items:
        raise EmptyOrder(f"the order of {order['customer']} has no items")
    if order.get("preparationMs"):
        time.sleep(order["preparationMs"] / 1000)
    return {
        "customer": order["customer"],
        "totalCents": sum(item["quantity"] * item["priceCents"] for item in items),
        "runtime": "python {}.{}".format(*sys.version_info),
        "requestId": context.aws_request_id,
        "function": context.function_name,
        "call": calls,
    }
