"""Paths of the host as texts: two spellings of one place are one path here.

Nothing is looked at. What a symbolic link makes of a path is for the driver that opens it.
"""


def normal(path: str) -> str:
    """The plainest spelling of an absolute path: without empty steps, "." and "..", and without a slash at its end."""
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    return "/" + "/".join(steps)


def below(path: str, root: str) -> bool:
    """Whether a path in its plainest spelling is inside the folder, and not the folder itself."""
    folder = normal(root)
    return path != folder and path.startswith("/" if folder == "/" else f"{folder}/")
