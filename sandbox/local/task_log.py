"""A task's log, readable."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def task_log(path: Path) -> list[str]:
    """A task's log as readable lines, without the stack frames of libraries.

    Airflow writes one JSON object per line: an event and its exceptions, innermost last.
    """
    lines: list[str] = []
    for text in path.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(text)
        except ValueError:
            lines.append(text)
            continue
        event = str(entry.get("event", ""))
        if event.startswith(("::group::", "::endgroup::")):
            continue
        lines += f"{str(entry.get('timestamp', ''))[11:19]} {entry.get('level', ''):<8} {event}".splitlines()
        for error in reversed(entry.get("error_detail") or []):
            ours = [
                frame
                for frame in error.get("frames", [])
                if frame["filename"].startswith(f"{ROOT}/") and "site-packages" not in frame["filename"]
            ]
            lines += [f"  {Path(f['filename']).relative_to(ROOT)}:{f['lineno']} in {f['name']}" for f in ours]
            lines += f"{error['exc_type']}: {error['exc_value']}".splitlines()
    return lines
