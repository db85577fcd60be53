"""SnapStart: what a function wants done before its environment waits for calls, and before the first of them.

The module of that name which AWS's Python runtimes bring: a hook is registered with its arguments, or as a decorator.
"""

_before_snapshot = []
_after_restore = []


def register_before_snapshot(func, *args, **kwargs):
    """Hooks run in the order opposite to that of their registration."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    """Hooks run in the order of their registration."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot():
    return _before_snapshot


def get_after_restore():
    return _after_restore
