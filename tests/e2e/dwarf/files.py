"""Builds the files that are compared: one program in every form of debug data."""
import glob
import os
import shutil
import subprocess
from dataclasses import dataclass, field

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")


@dataclass
class Case:
    """A file whose answers are compared: with llvm-symbolizer's, or with our own for a file of the same code."""

    name: str
    path: str
    options: list = field(default_factory=list)  # of dwarf_lookup
    peer: str = ""  # file for llvm-symbolizer, when that is not path
    peer_options: list = field(default_factory=list)
    same_as: str = ""  # name of the case whose answers are the truth, where llvm-symbolizer cannot read the form
    symbols: str = ""  # file with the symbol table, when that is not path
    unnamed_by_peer: bool = False  # llvm-symbolizer finds lines but no function in some places; see compare.py


class Builder:
    def __init__(self, work, heavy):
        self.work = work
        self.heavy = ["-DHEAVY"] if heavy else []
        self.cases = []
        self.missing = []
        os.makedirs(work, exist_ok=True)
        self.stamp = self.path("built-heavy" if heavy else "built")
        sources = glob.glob(os.path.join(PROGRAMS, "*")) + [os.path.abspath(__file__)]
        newest = max(os.path.getmtime(source) for source in sources)
        self.built = (os.path.exists(self.stamp) and os.path.getmtime(self.stamp) > newest
                      and not any(shutil.which(tool) for tool in self.missing_then()))

    def path(self, name):
        return os.path.join(self.work, name)

    def missing_then(self):
        """Tools that were not there when the files were built, as the stamp tells."""
        with open(self.stamp, encoding="utf-8") as stamp:
            return stamp.read().split()

    def run(self, *command, cwd=None, env=None):
        """False, and a note, when the tool is not there; an error when it fails."""
        if shutil.which(command[0]) is None:
            if command[0] not in self.missing:
                self.missing.append(command[0])
            return False
        if self.built:
            return True
        subprocess.run(command, check=True, cwd=cwd or self.work, env=env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        return True

    def compile(self, name, compiler, *flags, **case):
        """Objects are compiled one by one, so that .dwo files have names of their own."""
        objects = []
        for source in ("templates", "second"):
            target = f"{name}-{source}.o"
            if not self.run(compiler, "-O2", "-std=c++17", *self.heavy, *flags, "-c",
                            os.path.join(PROGRAMS, source + ".cc"), "-o", target):
                return False
            objects.append(target)
        linked = self.run(compiler, "-O2", *flags, *objects, "-o", name)
        if linked:
            self.cases.append(Case(name, self.path(name), **case))
        return linked

    def add_compilers(self):
        self.compile("gcc-5", "g++", "-g")
        self.compile("gcc-4", "g++", "-g", "-gdwarf-4")
        self.compile("gcc-4-types", "g++", "-g", "-gdwarf-4", "-fdebug-types-section")
        self.compile("gcc-3", "g++", "-g", "-gdwarf-3", "-gstrict-dwarf")
        self.compile("gcc-2", "g++", "-g", "-gdwarf-2", "-gstrict-dwarf", unnamed_by_peer=True)
        self.compile("gcc-64bit", "g++", "-g", "-gdwarf64")
        self.compile("gcc-lto", "g++", "-g", "-flto", "-ffunction-sections", "-Wl,--gc-sections")
        self.compile("clang-5", "clang++-19", "-g")
        self.compile("clang-lld", "clang++-19", "-g", "-ffunction-sections", "-fuse-ld=lld-19", "-Wl,--gc-sections",
                     "-Wl,--icf=all")

    def add_split(self):
        for name, compiler, flags in (("gcc-split-5", "g++", ["-gdwarf-5"]), ("gcc-split-4", "g++", ["-gdwarf-4"]),
                                      ("clang-split-5", "clang++-19", ["-gdwarf-5"]),
                                      ("clang-split-4", "clang++-19", ["-gdwarf-4"])):
            if not self.compile(name, compiler, "-g", "-gsplit-dwarf", *flags):
                continue
            package = self.path(name + ".package")
            # binutils' dwp cannot read DWARF 5, LLVM's not gcc's version 4.
            tool = "dwp" if name == "gcc-split-4" else "llvm-dwp-19"
            if self.run(tool, "-e", name, "-o", package):
                # A copy under another name: llvm-symbolizer must not find the package by itself, nor we the .dwo.
                self.cases.append(Case(name + "-dwp", self.path(name), same_as=name,
                                       options=["--package", package, "--dwo", "no"]))

    def add_containers(self):
        plain = "gcc-5"
        for form in ("zlib", "zstd"):
            if self.run("llvm-objcopy-19", f"--compress-debug-sections={form}", plain, form):
                self.cases.append(Case(form, self.path(form), same_as=plain))
        if self.run("objcopy", "--compress-debug-sections=zlib-gnu", plain, "zlib-gnu"):
            self.cases.append(Case("zlib-gnu", self.path("zlib-gnu"), same_as=plain))
        if self.run("objcopy", "--only-keep-debug", plain, "separate.debug") and self.run(
                "objcopy", "--strip-all", plain, "separate"):
            self.cases.append(Case("separate", self.path("separate"), same_as=plain, symbols=self.path(plain),
                                   options=["--debug", self.path("separate.debug")]))
        if self.run("dwz", plain, "-o", "dwz"):
            self.cases.append(Case("dwz", self.path("dwz"), same_as=plain))
        # A common file needs two that have something in common: a copy of the program is enough.
        for copy in () if self.built else ("dwz-m", "dwz-m-other"):
            shutil.copy(self.path(plain), self.path(copy))
        common = self.path("dwz-m.common")
        if self.run("dwz", "-m", common, "dwz-m", "dwz-m-other"):
            self.cases.append(Case("dwz-m", self.path("dwz-m"), same_as=plain, options=["--supplementary", common]))

    def add_languages(self):
        if self.run("rustc", "-g", "-O", os.path.join(PROGRAMS, "main.rs"), "-o", "rust"):
            self.cases.append(Case("rust", self.path("rust")))
        environment = dict(os.environ, GO111MODULE="off", CGO_ENABLED="0", GOFLAGS="")
        if self.run("go", "build", "-o", "go", os.path.join(PROGRAMS, "main.go"), env=environment):
            self.cases.append(Case("go", self.path("go")))

    def add_debian(self):
        for name, file in (("libc", "/lib/x86_64-linux-gnu/libc.so.6"), ("python", "/usr/bin/python3.11")):
            debug = separate_debug_file(file)
            if debug:
                self.cases.append(Case(name, file, options=["--debug", debug], peer=debug, symbols=debug))
            else:
                self.missing.append(name + "'s debug file")


def separate_debug_file(path):
    if not os.path.exists(path):
        return None
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=False).stdout
    for line in notes.splitlines():
        if "Build ID:" in line:
            build_id = line.split()[-1]
            found = glob.glob(f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug")
            return found[0] if found else None
    return None


def build(work, heavy):
    """All cases that the machine has the tools for, and the names of the tools it lacks."""
    builder = Builder(work, heavy)
    builder.add_compilers()
    builder.add_split()
    builder.add_containers()
    builder.add_languages()
    builder.add_debian()
    with open(builder.stamp, "w", encoding="utf-8") as stamp:
        stamp.write(" ".join(builder.missing))
    return builder.cases, builder.missing
