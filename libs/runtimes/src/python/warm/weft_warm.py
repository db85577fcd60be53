"""Loaded by warm_up in bootstrap.py."""


def handler(event, context):
    return event
