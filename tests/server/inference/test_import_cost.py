"""A server without a model server does not pay for its client."""

from __future__ import annotations

import subprocess
import sys


def test_the_client_is_imported_only_where_a_model_server_is_set_up() -> None:
    code = "import sys, server.app; sys.exit('tritonclient' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
