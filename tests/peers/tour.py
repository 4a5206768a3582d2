"""Drives a unit with smpclient through what smpmgr has no command for; the first thing that is wrong ends it.

Usage: tour.py PORT BUF_SIZE BUF_COUNT
"""

import asyncio
import hashlib
import sys

from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.enumeration_management import GroupDetails, ListSupportedGroups
from smpclient.requests.file_management import FileHashChecksum, FileStatus
from smpclient.requests.os_management import (
    BootloaderInformationRead,
    EchoWrite,
    MCUMgrParametersRead,
    OSApplicationInfoRead,
    ResetWrite,
    TaskStatisticsRead,
)
from smpclient.requests.settings_management import DeleteSetting, ReadSetting, SaveSettings, WriteSetting
from smpclient.requests.shell_management import Execute
from smpclient.requests.statistics_management import GroupData, ListOfGroups
from smpclient.transport.serial import SMPSerialTransport


async def main(port: str, buf_size: int, buf_count: int) -> None:
    async with SMPClient(SMPSerialTransport(), port) as client:

        async def ask(request):
            answer = await client.request(request)
            assert success(answer), answer
            return answer

        # Filling the buffer to its last byte is what `Auto` made of the parameters.
        params = await ask(MCUMgrParametersRead())
        assert (params.buf_size, params.buf_count) == (buf_size, buf_count), params
        assert client._transport.max_unencoded_size == buf_size - 4
        text = "x" * (buf_size - 40)
        assert (await ask(EchoWrite(d=text))).r == text

        groups = (await ask(ListSupportedGroups())).groups
        assert {0, 1, 2, 3, 8, 9, 10} <= set(groups), groups
        details = (await ask(GroupDetails())).groups
        assert {group.group for group in details} == set(groups), details

        assert (await ask(OSApplicationInfoRead(format="i"))).output
        assert (await ask(BootloaderInformationRead())).bootloader == "MCUboot"
        # Its model of the answer to `query="mode"` is not the one that Zephyr documents, so that is not asked.
        assert (await ask(TaskStatisticsRead())).tasks
        names = (await ask(ListOfGroups())).stat_list
        assert (await ask(GroupData(name=names[0]))).fields, names

        await ask(WriteSetting(name="peer/key", val=b"\x00\x01\xff"))
        assert (await ask(ReadSetting(name="peer/key"))).val == b"\x00\x01\xff"
        await ask(SaveSettings())
        await ask(DeleteSetting(name="peer/key"))

        content = bytes(range(256)) * 17
        async for _ in client.upload_file(content, "/lfs1/tour.bin"):
            pass
        assert (await ask(FileStatus(name="/lfs1/tour.bin"))).len == len(content)
        digest = await ask(FileHashChecksum(name="/lfs1/tour.bin", type="sha256"))
        assert digest.output == hashlib.sha256(content).digest(), digest
        part = await ask(FileHashChecksum(name="/lfs1/tour.bin", type="sha256", off=256, len=256))
        assert part.output == hashlib.sha256(content[256:512]).digest(), part
        assert await client.download_file("/lfs1/tour.bin") == content

        said = await ask(Execute(argv=["kernel", "version"]))
        assert said.ret == 0 and said.o, said
        await ask(ResetWrite())

    # As in Zephyr, a deleted key is gone from flash at once and from memory with the next start.
    await asyncio.sleep(1)
    async with SMPClient(SMPSerialTransport(), port, timeout_s=10) as client:
        gone = await client.request(ReadSetting(name="peer/key"))
        assert not success(gone), gone
    print("tour complete")


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
