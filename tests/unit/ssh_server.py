"""An SSH server on loopback that runs commands here, and loses connections when it is told to."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import paramiko

KEY = paramiko.RSAKey.generate(2048)


class Server:
    """
    + cut: asked about each command after it has run and before it is answered: whether the connection is lost
    + mute: nothing is answered any more, and no connection ends for it
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.cut: Callable[[str], bool] = lambda _: False
        self.mute = False
        self.transports: list[paramiko.Transport] = []
        self.listen()

    def listen(self, port: int = 0) -> None:
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.socket,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                transport = paramiko.Transport(listening.accept()[0])
                transport.add_server_key(KEY)
                self.transports.append(transport)
                with suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Session(self, transport))

    def hang_up(self) -> None:
        for transport in self.transports:
            transport.close()

    def go_away(self) -> None:
        # Only this ends accept(), which another thread waits in.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.hang_up()


class _Session(paramiko.ServerInterface):
    def __init__(self, server: Server, transport: paramiko.Transport) -> None:
        self.server = server
        self.transport = transport

    def check_auth_password(self, username: str, password: str) -> int:  # noqa: ARG002 - paramiko passes both
        return paramiko.AUTH_SUCCESSFUL  # type: ignore[attr-defined,no-any-return]

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return paramiko.OPEN_SUCCEEDED  # type: ignore[attr-defined,no-any-return]

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel, command.decode()), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            sent = channel.makefile("rb").read()
            done = subprocess.run(
                ["sh", "-c", command], input=sent, capture_output=True, env=self.server.environment, check=False
            )
            if self.server.cut(command):
                self.transport.close()
            if self.server.mute:
                return
            channel.sendall(done.stdout)
            channel.sendall_stderr(done.stderr)
            channel.send_exit_status(done.returncode)
            channel.close()


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[Server]:
    server = Server(environment)
    try:
        yield server
    finally:
        server.go_away()
