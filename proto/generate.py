"""Generates Python from the contracts, and lints them.

Usage: generate.py            writes proto/gen
       generate.py --check    fails where proto/gen is not what the contracts say, or buf finds fault with them
       generate.py --image F  writes the contracts with their comments as a FileDescriptorSet to F
"""

import filecmp
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# googleapis-common-protos brings google/api/*.proto, grpcio-tools the well-known types.
SITE = Path(sysconfig.get_paths()["purelib"])
INCLUDES = [HERE / "third_party", HERE, SITE, SITE / "grpc_tools" / "_proto"]


def run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True)


def protoc(*options: str, files: list[Path]) -> None:
    # The plugin of mypy-protobuf stands beside this interpreter, which need not be on the PATH.
    plugins = [
        f"--plugin=protoc-gen-{n}={Path(sys.executable).parent / f'protoc-gen-{n}'}" for n in ("mypy", "mypy_grpc")
    ]
    run(sys.executable, "-m", "grpc_tools.protoc", *(f"-I{path}" for path in INCLUDES), *plugins, *options, *files)


def contracts() -> list[Path]:
    return sorted((HERE / "guiche").rglob("*.proto"))


def generate(into: Path) -> None:
    files = contracts()
    services = [file for file in files if file.stem.endswith("_service")]
    messages = [*files, HERE / "third_party/buf/validate/validate.proto"]
    into.mkdir(parents=True, exist_ok=True)
    protoc(f"--python_out={into}", f"--mypy_out=quiet:{into}", files=messages)
    protoc(f"--grpc_python_out={into}", f"--mypy_grpc_out=quiet:{into}", files=services)
    for folder in [path for path in into.rglob("*") if path.is_dir()]:
        (folder / "__init__.py").touch()


def image(target: Path) -> None:
    protoc("--include_source_info", "--include_imports", f"--descriptor_set_out={target}", files=contracts())


def lint() -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "contracts.binpb"
        image(target)
        buf = Path(sys.executable).parent / "buf"
        run(buf, "lint", target, "--path", "guiche", "--config", HERE / "buf.yaml")


def differences(left: Path, right: Path) -> list[str]:
    def names(folder: Path) -> set[str]:
        return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}

    return sorted(
        name
        for name in names(left) | names(right)
        if not (left / name).exists()
        or not (right / name).exists()
        or not filecmp.cmp(left / name, right / name, False)
    )


def check() -> None:
    lint()
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = differences(Path(folder), HERE / "gen")
    if stale:
        sys.exit("proto/gen is not what the contracts say; run 'make proto'. Differing: " + ", ".join(stale))


def main(words: list[str]) -> None:
    if words[:1] == ["--check"]:
        check()
    elif words[:1] == ["--image"]:
        image(Path(words[1]))
    else:
        lint()
        shutil.rmtree(HERE / "gen", ignore_errors=True)
        generate(HERE / "gen")


if __name__ == "__main__":
    main(sys.argv[1:])
