"""A headless Chromium driven through its debugging pipe: no network, no further package."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


class Browser:
    """One Chromium; `open` gives a page of it."""

    def __init__(self, folder: Path) -> None:
        # Chromium reads commands from its descriptor 3 and writes to 4. Descriptors 3 and 4 of this process may be in
        # use, so a shell puts ours there.
        mine_in, theirs_out = os.pipe()
        theirs_in, mine_out = os.pipe()
        flags = (
            "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync "
            "--disable-component-update --disable-default-apps --disable-extensions --mute-audio --hide-scrollbars "
            "--disable-dev-shm-usage --host-resolver-rules='MAP * ~NOTFOUND' --remote-debugging-pipe"
        )
        program = find_chromium()
        pipes = f"3<&{theirs_in} 4>&{theirs_out}"
        command = f"exec '{program}' {flags} --user-data-dir='{folder}/profile' about:blank {pipes}"
        self.process = subprocess.Popen(
            ["bash", "-c", command], pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out, self._buffer = mine_in, mine_out, bytearray()
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come before are kept."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        text = json.dumps(message).encode() + b"\0"
        while text:
            text = text[os.write(self._out, text) :]
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._in, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, rest = self._buffer.partition(b"\0")
        self._buffer = bytearray(rest)
        return json.loads(message)

    def open(self, path: Path, *, width: int = 1280, height: int = 900) -> "Page":
        return Page(self, path.absolute().as_uri(), width, height)

    def close(self) -> None:
        try:
            self.send("Browser.close")
        except (AssertionError, OSError):
            self.process.kill()
        self.process.wait(20)
        os.close(self._in)
        os.close(self._out)


class Page:
    """A page opened from a file, with what went wrong while it was loaded."""

    def __init__(self, browser: Browser, address: str, width: int, height: int) -> None:
        self.browser, self.address = browser, address
        self.target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.send("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        browser.events.clear()
        self.send("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.send(method, self.session, **params)

    def run(self, script: str) -> Any:
        """Return the value of an expression."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < end, f"{condition} never came true on {self.address}"
            time.sleep(0.05)

    def problems(self) -> list[str]:
        """Return what a visitor's console would show, and what was asked for and is not in the page."""
        self.run("1")
        found = []
        for event in self.browser.events:
            params, method = event.get("params", {}), event.get("method")
            if event.get("sessionId") != self.session:
                continue
            if method == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"].get("exception", params["exceptionDetails"])))
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(str(params["args"]))
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            elif method == "Network.requestWillBeSent":
                address = params["request"]["url"]
                if not address.startswith(("data:", "blob:")) and address.split("#")[0] != self.address:
                    found.append(f"asked for {address}")
            elif method == "Network.loadingFailed":
                found.append(f"did not load: {params.get('errorText')}")
        broken = "Array.from(document.images).filter(i => i.complete && i.naturalWidth === 0).map(i => i.alt)"
        return found + [f"broken picture: {alt}" for alt in self.run(broken)]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its screen."""
        return self.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def shot(self, path: Path, *, whole: bool = False) -> Path:
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    def close(self) -> None:
        self.browser.send("Target.closeTarget", targetId=self.target)
