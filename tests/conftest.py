"""What holds for all tests."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are not spelled out: packed ones hold the time, and every process has to call a test the same."""
    return argname if isinstance(val, bytes) else None
