"""smpmgr as it is, with a clock around its upload: its start-up is not what is compared."""

import sys
import time

import smpmgr.file_management
import smpmgr.image_management
from smpmgr.main import app


def timed(upload):
    async def with_clock(*args, **kwargs):
        wall, cpu = time.monotonic(), time.process_time()
        await upload(*args, **kwargs)
        print(f"transfer {time.monotonic() - wall} {time.process_time() - cpu}", file=sys.stderr, flush=True)

    return with_clock


for module in (smpmgr.file_management, smpmgr.image_management):
    module.upload_with_progress_bar = timed(module.upload_with_progress_bar)

app()
