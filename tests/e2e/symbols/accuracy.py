#!/usr/bin/env python3
"""Compares symbol_lines with llvm-symbolizer, an address at a time: accuracy.py SYMBOL_LINES.

Cases are files of this host (libc with its debug file, python3 where it has one) and files built here: C++ plain,
stripped with a debug link, with minidebuginfo, and Go with and without symbols. Where the answers differ, the class
says who is right; anything outside the classes counts against the 99.9 %.
"""
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

ADDRESSES = 2500
LLVM = shutil.which("llvm-symbolizer-19") or shutil.which("llvm-symbolizer")
SOURCE = """
#include <algorithm>
#include <map>
#include <string>
#include <vector>
namespace {
struct Node { std::map<std::string, std::vector<int>> all; void insert(int n) { all[std::to_string(n)].push_back(n); } };
}
static int work(Node& node, int n) {
  for (int i = 0; i < n; ++i) { node.insert(i * 7 % 31); }
  std::vector<int> out;
  for (auto& [k, v] : node.all) { out.insert(out.end(), v.begin(), v.end()); }
  std::sort(out.begin(), out.end(), [](int a, int b) { return a > b; });
  return out.front();
}
int main(int argc, char**) { Node node; if (argc > 9) throw 1; return work(node, argc * 100); }
"""
GO_SOURCE = """
package main
import ("encoding/json"; "fmt"; "sort")
type pair[T any] struct{ a, b T }
func (p pair[T]) sum(f func(T, T) T) T { return f(p.a, p.b) }
func main() {
	xs := []string{"b", "a"}
	sort.Strings(xs)
	j, _ := json.Marshal(map[string]any{"x": xs, "n": pair[int]{1, 2}.sum(func(x, y int) int { return x ^ y })})
	fmt.Println(string(j))
}
"""


def run(command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, errors="replace", **options).stdout


def functions(path):
    """(start, size, name) of every function of .symtab and .dynsym."""
    found = set()
    for option in ("--syms", "--dyn-syms"):
        for line in run(["readelf", "-W", option, path]).splitlines():
            part = line.split(None, 7)
            if len(part) == 8 and part[3] in ("FUNC", "IFUNC") and part[6] != "UND":
                found.add((int(part[1], 16), int(part[2], 0), part[7].split("@")[0]))
    return sorted(found)


def addresses_of(table, seed=1):
    random.seed(seed)
    addresses = []
    sized = [each for each in table if each[1] > 0]
    for start, size, _ in random.choices(sized, k=ADDRESSES // 5):
        addresses += [start, start + size - 1] + [start + random.randrange(size) for _ in range(3)]
    return addresses


def ask_llvm(path, addresses):
    text = "\n".join(hex(each) for each in addresses)
    out = run([LLVM, "--obj=" + path, "--output-style=JSON", "--inlines", "--no-demangle"], input=text)
    answers = []
    for line in out.splitlines():
        if line.strip():
            answers.append([(f["FileName"], f["Line"], f["FunctionName"]) for f in json.loads(line).get("Symbol", [])])
    return answers


def ask_us(tool, path, addresses, *options):
    text = "\n".join(hex(each) for each in addresses)
    out = run([tool, *options, path], input=text)
    return [[(f.get("file", ""), f.get("line", 0), f["function"]) for f in json.loads(line)["frames"]]
            for line in out.splitlines()]


def aliases(table, plain=str):
    """name → all names of functions that start there; an alias is as right as another. plain: what is compared of a
    name."""
    names = {}
    for start, _, name in table:
        names.setdefault(start, set()).add(plain(name))
    groups = {}
    for group in names.values():
        for name in group:
            groups.setdefault(name, set()).update(group)
    return groups


def plain(name):
    """Go: one spelling of generic arguments, of assembler's ABI suffix and of the compiler's middle dot."""
    out, depth = "", 0
    for c in name.removesuffix(".abi0").replace("\u00b7", "."):
        depth -= c == "]"
        if depth == 0:
            out += c
        depth += c == "["
    return out


def no_suffix(name):
    return re.sub(r"(\.(cold|part|isra|constprop|lto_priv|llvm)(\.\d+)*)+$", "", name)


failures = []


def report(case, total, wrong, least=99.9):
    share = 100.0 * (total - len(wrong)) / max(total, 1)
    verdict = "ok" if total >= ADDRESSES // 4 and share >= least else "TOO FEW"
    print(f"{case}: {total} addresses, {share:.2f} % equal: {verdict}")
    for each in wrong[:5]:
        print("   ", *each)
    if verdict != "ok":
        failures.append(case)


def compare(case, tool, ours, truth, table, go=False):
    """Files, lines and chains; then names, up to aliases."""
    addresses = addresses_of(table)
    us, llvm = ask_us(tool, ours, addresses), ask_llvm(truth, addresses)
    same = plain if go else no_suffix
    groups = aliases(table, same)
    total, wrong_lines, wrong_names = 0, [], []
    for address, a, b in zip(addresses, us, llvm):
        if not b or not b[0][0]:
            continue  # llvm-symbolizer reads a symbol of the main file's table only, and no line
        if go:
            if b[0][:2] == ("go.go", 0):
                continue  # C code in a Go program: its STT_FILE name, no line
            b = [(f.removeprefix("./"), line, name) for f, line, name in b]
            if len(a) > len(b) and a[-1][0] == "<autogenerated>":
                continue  # the compiler's wrappers: pclntab knows the inlined method, Go's DWARF does not
        total += 1
        if [each[:2] for each in a] != [each[:2] for each in b]:
            wrong_lines.append((hex(address), a, b))
        for x, y in zip(a, b):
            x, y = same(x[2]), same(y[2])
            # A line without a function: only the debug file's symbol table names it, which llvm does not read.
            if y and x != y and x not in groups.get(y, ()):
                wrong_names.append((hex(address), x, y))
                break
    report(case + ", lines and chains", total, wrong_lines)
    report(case + ", names", total, wrong_names)


def compare_table(case, tool, path, table):
    """Names of symbol tables alone, and nothing in gaps, against the symbol table that readelf prints from the file's twin."""
    addresses = addresses_of(table)
    ends = sorted({start + size for start, size, _ in table if size})
    covered = [(start, start + size) for start, size, _ in table]
    gaps = [end for end in random.sample(ends, min(len(ends), 300))
            if not any(low <= end < high or low == end for low, high in covered)]
    names = aliases(table)
    starts = {}
    for start, size, name in table:
        starts.setdefault(name, []).append((start, start + size))
    wrong, total = [], 0
    for address, frames in zip(addresses, ask_us(tool, path, addresses, "--names")):
        total += 1
        name = frames[0][2] if frames else ""
        if not any(low <= address < high for low, high in starts.get(name, ())) or name not in names:
            wrong.append((hex(address), name))
    report(case + ", names", total, wrong)
    invented = [(hex(a), f) for a, f in zip(gaps, ask_us(tool, path, gaps, "--names")) if f and f[0][2]]
    print(f"{case}, one past the end: {len(gaps)} addresses, {len(invented)} invented")
    if len(invented) > len(gaps) * 0.005:
        failures.append(case + " gaps")


def libc(tool):
    path = os.path.realpath("/lib/x86_64-linux-gnu/libc.so.6")
    build_id = re.search(r"Build ID: (\w+)", run(["readelf", "-n", path]))
    debug = build_id and f"/usr/lib/debug/.build-id/{build_id[1][:2]}/{build_id[1][2:]}.debug"
    if not debug or not os.path.exists(debug):
        print("libc: skipped, libc6-dbg is not installed")
        return
    table = sorted(set(functions(path)) | set(functions(debug)))
    compare("libc", tool, path, path, table)
    compare_table("libc", tool, path, table)


def cxx(tool, folder):
    source = os.path.join(folder, "a.cc")
    with open(source, "w", encoding="utf-8") as file:
        file.write(SOURCE)
    plain_file = os.path.join(folder, "plain")
    run(["g++", "-O2", "-g", "-static-libstdc++", "-o", plain_file, source])
    table = functions(plain_file)
    own = [each for each in table if "Node" in each[2] or "_Rb_tree" in each[2] or "vector" in each[2]] or table
    compare("C++", tool, plain_file, plain_file, own)

    linked, debug = os.path.join(folder, "linked"), os.path.join(folder, "linked.debug")
    run(["objcopy", "--only-keep-debug", plain_file, debug])
    run(["objcopy", "--strip-all", "--remove-section=.note.gnu.build-id", f"--add-gnu-debuglink={debug}", plain_file,
         linked])
    compare("C++ stripped, debug link", tool, linked, plain_file, own)

    mini, symbols = os.path.join(folder, "mini"), os.path.join(folder, "mini.symbols")
    run(["objcopy", "--strip-debug", plain_file, symbols])
    run(["objcopy", "--only-keep-debug", symbols, symbols])
    run(["xz", "-kf", symbols])
    run(["objcopy", "--strip-all", "--remove-section=.note.gnu.build-id", f"--add-section=.gnu_debugdata={symbols}.xz",
         plain_file, mini])
    compare_table("C++ stripped, minidebuginfo", tool, mini, table)


def plt(tool, folder):
    """Stubs that call other files' functions, in every layout that the linkers make, as objdump names them."""
    source = os.path.join(folder, "plt.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write("#include <stdio.h>\n#include <stdlib.h>\n#include <time.h>\n"
                   "int (*volatile pointer)(const char*) = puts;\n"
                   "int main(int c, char** v) {\n  pointer(v[0]);\n  puts(v[0]);\n  srand(time(NULL));\n"
                   "  return rand() + getchar();\n}\n")
    lazy, now = ["-Wl,-z,lazy"], ["-Wl,-z,now"]
    ways = [(compiler, flags) for compiler in ("gcc", "clang-19") if shutil.which(compiler) for flags in (
        lazy, now, lazy + ["-no-pie"], lazy + ["-fcf-protection"], now + ["-fcf-protection"],
        lazy + ["-fuse-ld=lld-19" if compiler == "clang-19" else "-Wl,-z,ibtplt"])]
    total, wrong = 0, []
    for compiler, flags in ways:
        program = os.path.join(folder, "plt")
        run([compiler, "-O2", *flags, "-o", program, source])
        total, wrong = plt_of(tool, program, total, wrong)
    libraries = glob.glob("/usr/lib/*-linux-gnu/libstdc++.so.6") + glob.glob("/usr/lib/*-linux-gnu/libcurl*.so.4")
    for library in libraries:
        total, wrong = plt_of(tool, library, total, wrong)
    print(f"PLT: {total} addresses, {len(wrong)} wrong")
    for each in wrong[:5]:
        print("   ", *each)
    if total < 100 or wrong:
        failures.append("PLT")


def plt_of(tool, program, total, wrong):
    labels = re.findall(r"^([0-9a-f]+) <([^<>]+)@plt>:", run(["objdump", "-d", program]), re.MULTILINE)
    # What objdump calls by an offset is a stub that it knows no name for.
    labels = [(int(at, 16), name.split("@")[0]) for at, name in labels if "+0x" not in name]
    for byte in (0, 5):
        answers = ask_us(tool, program, [at + byte for at, _ in labels])
        for (at, name), frames in zip(labels, answers):
            if [frame[2] for frame in frames] != [name + "@plt"]:
                wrong.append((program, hex(at + byte), name, frames))
    return total + 2 * len(labels), wrong


def go_roots():
    """The installed release's; with STOKER_E2E_FULL=1 those as well that `go mod download
    golang.org/toolchain@v0.0.1-go1.17.13.linux-amd64` has brought: each brought another layout of pclntab."""
    roots = [run(["go", "env", "GOROOT"]).strip()] if shutil.which("go") else []
    if roots and os.environ.get("STOKER_E2E_FULL", "0") != "0":
        modules = run(["go", "env", "GOMODCACHE"]).strip()
        roots += sorted(glob.glob(os.path.join(modules, "golang.org", "toolchain@*")))
    # Modules come without the right to execute what lies in them.
    return [root for root in roots if all(os.access(tool, os.X_OK)
                                          for tool in glob.glob(os.path.join(root, "pkg/tool/*/compile")))]


def go(tool, folder):
    roots = go_roots()
    if not roots:
        print("Go: skipped, not installed")
    for root in roots:
        go_release(tool, folder, root)


def go_release(tool, folder, root):
    command = os.path.join(root, "bin", "go")
    environment = dict(os.environ, CGO_ENABLED="0", GOENV="off", GOFLAGS="", GOTOOLCHAIN="local", GOROOT=root)
    release = run([command, "version"], env=environment).split()[2].removeprefix("go")
    generics = tuple(map(int, re.findall(r"\d+", release)[:2])) >= (1, 18)
    with open(os.path.join(folder, "go.mod"), "w", encoding="utf-8") as file:
        file.write(f"module example.com/p\ngo {'1.18' if generics else '1.15'}\n")
    with open(os.path.join(folder, "main.go"), "w", encoding="utf-8") as file:
        file.write(GO_SOURCE if generics else GO_SOURCE.replace("pair[T any]", "pair").replace("pair[T]", "pair")
                   .replace("pair[int]", "pair").replace("T", "int").replace("]any", "]interface{}"))
    for mode in ([], ["-buildmode=pie"]):
        twin, stripped = os.path.join(folder, "twin"), os.path.join(folder, "stripped")
        # Early releases compress DWARF in a form that llvm-symbolizer does not read.
        run([command, "build", *mode, "-ldflags=-compressdwarf=false", "-o", twin, "."], cwd=folder, env=environment)
        run([command, "build", *mode, "-ldflags=-s -w", "-o", stripped, "."], cwd=folder, env=environment)
        compare(" ".join([f"Go {release} -s -w", *mode]), tool, stripped, twin, functions(twin), go=True)


def main():
    if LLVM is None:
        print("llvm-symbolizer is not installed")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        libc(sys.argv[1])
        cxx(sys.argv[1], folder)
        plt(sys.argv[1], folder)
        go(sys.argv[1], folder)
    print("failed:", failures) if failures else print("all within the figures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
