// go tool pprof reads our pprof files, and its numbers are those that make_samples.cc put in.
"use strict";
const assert = require("node:assert");
const {execFileSync} = require("node:child_process");
const directory = process.argv[2];

// Its own config and temporary files stay in the work directory; it must not fetch symbols from anywhere.
function pprof(...args) {
  const env = {...process.env, PPROF_TMPDIR: directory, HOME: directory, PPROF_BINARY_PATH: directory, DEBUGINFOD_URLS: ""};
  return execFileSync("go", ["tool", "pprof", "-symbolize=none", ...args],
    {encoding: "utf8", env, maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"]});
}

const top = pprof("-top", "-nodecount=100", `${directory}/web.pb.gz`);
assert.match(top, /^File: server$/m);
assert.match(top, /^Build ID: 0123456789abcdef0123456789abcdef01234567$/m);
assert.match(top, /^Type: cpu$/m);
assert.match(top, /^Duration: 10s, Total samples = 10000ms \( *100%\)$/m);
const rows = {};
for (const line of top.split("\n")) {
  const found = line.match(/^\s*(\S+)\s+\S+%\s+\S+%\s+(\S+)\s+\S+%\s+(.*)$/);
  if (found) rows[found[3].replace(/ \(inline\)$/, "")] = [found[1], found[2]];
}
assert.deepStrictEqual(rows.hash, ["6100ms", "6100ms"]);
assert.deepStrictEqual(rows.vfs_write, ["2500ms", "2500ms"]);
assert.deepStrictEqual(rows.main, ["0", "9800ms"]);
assert.deepStrictEqual(rows.parse_header, ["0", "7000ms"]);
assert.deepStrictEqual(rows.render_view, ["200ms", "2400ms"]);

assert.strictEqual(pprof("-top", `${directory}/web.pb`).split("\n").slice(4).join(), pprof("-top", `${directory}/web.pb.gz`).split("\n").slice(4).join());
assert.match(pprof("-top", "-sample_index=samples", `${directory}/web.pb.gz`), /^\s+610 .* hash$/m);

const raw = pprof("-raw", `${directory}/web.pb.gz`);
assert.match(raw, /PeriodType: cpu nanoseconds/);
assert.match(raw, /Period: 10000000/);
assert.match(raw, /samples\/count cpu\/nanoseconds\[dflt\]/);
assert.match(raw, /process:\[server\]/);
assert.match(raw, /pid:\[100\]/);
assert.match(raw, /: 0x1000\/0x9000\/0x1000 \/usr\/bin\/server 0123456789abcdef0123456789abcdef01234567 \[FN\]\[FL\]\[LN\]\[IN\]/);
assert.match(raw, /: 0x1000\/0x9000\/0x1000 \/usr\/bin\/server 0123456789abcdef0123456789abcdef01234567 *$/m);
assert.match(raw, /0x2020 M=\d+ parse_header \/src\/server.cc:17(:0)? s=10/);
assert.match(pprof("-comments", `${directory}/web.pb.gz`), /agent version 0.1.0/);

const traces = pprof("-traces", `${directory}/web.pb.gz`);
assert.match(traces, /\d\S+s\s+vfs_write\n\s+do_syscall_64\n\s+write\n\s+parse_header( \(inline\))?\n\s+read_request( \(inline\))?\n\s+handle\n\s+main/);

assert.match(pprof("-top", `${directory}/hostile.pb.gz`), /<img src=x/);
assert.match(pprof("-top", `${directory}/large.pb.gz`), /function_/);
console.log("go tool pprof: ok");
