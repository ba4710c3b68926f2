"""Builds the images: `python deploy/containers/images.py`, for registries that are then pushed to, or for the tests."""

# ruff: noqa: T201 -- a command's output.

import os
import subprocess
import tomllib
from pathlib import Path

from engine import Podman, podman

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".build" / "containers"
# Each has its list of packages.
IMAGES = tuple(sorted(path.stem for path in (ROOT / "deploy" / "docker" / "packages").glob("*.txt")))
# What pip on this machine is told about where packages are, and whom it trusts; both may be missing.
SECRETS = {"pip.conf": Path("/etc/pip.conf"), "ca-certificates": Path("/etc/ssl/certs/ca-certificates.crt")}
OWN_BASE = "localhost/guiche-base:bookworm"


def version() -> str:
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def base(engine: Podman) -> str:
    """GUICHE_BASE_IMAGE, or a Debian with Python made here, which needs no registry."""
    if given := os.environ.get("GUICHE_BASE_IMAGE"):
        return given
    if not engine("images", "--quiet", OWN_BASE):
        tar = FOLDER / "base.tar"
        command = ["mmdebstrap", "--quiet", "--variant=essential", "--include=python3,python3-venv,libstdc++6"]
        command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale")]
        subprocess.run([*command, "bookworm", str(tar)], check=True)  # no shell
        engine("import", "--quiet", str(tar), OWN_BASE)
        tar.unlink()
    return OWN_BASE


def build(engine: Podman, image: str, base_image: str) -> str:
    """The image's name. What has not changed since the last time is taken from there."""
    name = f"localhost/guiche-{image}:{version()}"
    recipe = ROOT / "deploy" / "docker" / "Dockerfile"
    words = ["build", "--quiet", "--file", str(recipe), "--ignorefile", f"{recipe}.dockerignore", "--tag", name]
    words += ["--build-arg", f"BASE={base_image}", "--build-arg", f"SERVICE={image}"]
    words += [f"--secret=id={name},src={path}" for name, path in SECRETS.items() if path.exists()]
    # The machine's own network: registries may be reachable by its names and routes alone. The same time in every
    # build, so that the same content is the same image.
    engine(*words, "--network", "host", "--isolation", "chroot", "--timestamp", "0", str(ROOT))
    return name


def build_all(engine: Podman) -> dict[str, str]:
    """Name by image."""
    base_image = base(engine)
    return {image: build(engine, image, base_image) for image in IMAGES}


def size(engine: Podman, image: str) -> int:
    """Bytes."""
    return int(engine.inspect("image", image)[0]["Size"])


def main() -> None:
    engine = podman(FOLDER)
    for name in build_all(engine).values():
        print(f"{name}  {size(engine, name) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
