// The flame graph page in Chromium, from file://.
"use strict";
const assert = require("node:assert");
const path = require("node:path");
const {withPage} = require("./browser.js");
const directory = path.resolve(process.argv[2]);

// What is drawn once nothing moves any more: however slow the machine is.
const state = (page) => page.evaluate(() => new Promise((done) => {
  const look = () => {
    const now = document.getElementById("flame").stokerFlame.state();
    if (now.moving) requestAnimationFrame(look);
    else done(now);
  };
  requestAnimationFrame(() => requestAnimationFrame(look));
}));
const near = (a, b, by, what) => assert.ok(Math.abs(a - b) <= by, `${what}: ${a} is not ${b} ± ${by}`);
const box = (s, name) => s.boxes.find((b) => b.name === name);

async function clickFrame(page, name) {
  const at = box(await state(page), name), canvas = await page.locator("canvas").boundingBox();
  await page.mouse.click(canvas.x + Math.max(at.x, 0) + Math.min(at.w, canvas.width) / 2, canvas.y + at.y + 8);
}

async function open(page, seen, name) {
  await page.goto(`file://${directory}/${name}.html`);
  const first = await state(page);
  assert.deepStrictEqual(seen.requests, [`file://${directory}/${name}.html`, ...seen.requests.filter((u) => u.startsWith("data:"))]);
  assert.deepStrictEqual(seen.errors, []);
  return first;
}

async function web(page, seen) {
  let s = await open(page, seen, "web");
  const width = (await page.locator("canvas").boundingBox()).width;
  assert.strictEqual(s.root, "all");
  assert.ok(s.byProcess && box(s, "server (100)") && box(s, "worker (200)"));
  near(box(s, "server (100)").w / width, 0.7, 0.002, "share of the server");
  near(box(s, "vfs_write").w / width, 0.25, 0.002, "share of vfs_write");
  for (const fact of ["CPU time", "10s", "1000", "100 Hz", "agent version 0.1.0", "0 samples dropped"]) {
    assert.ok((await page.locator(".sf-head").innerText()).includes(fact), fact);
  }
  assert.deepStrictEqual(await page.locator(".sf-key").allInnerTexts(), ["Native", "Kernel", "Runtime", "Marker", "Process"]);

  await page.keyboard.press("/");
  await page.keyboard.type("HASH");
  s = await state(page);
  assert.strictEqual(s.result.frames, 1);
  assert.strictEqual(await page.locator(".sf-found").innerText(), "4 matches, 61.0%");  // 400 + 150 + 60 of 1000; one is recursive
  await page.fill("input", "/^(vfs|do)_/");
  assert.strictEqual(await page.locator(".sf-found").innerText(), "2 matches, 25.0%");
  await page.fill("input", "/(/");
  assert.strictEqual(await page.locator(".sf-found").innerText(), "not a regular expression");
  await page.fill("input", "");
  assert.strictEqual(await page.locator(".sf-found").innerText(), "");

  await clickFrame(page, "handle");
  s = await state(page);
  assert.strictEqual(s.root, "handle");
  near(box(s, "handle").w, width, 1, "width of handle");
  assert.ok(box(s, "main") && !box(s, "worker (200)"));
  await page.click("[data-act=reset]");
  assert.strictEqual((await state(page)).root, "all");
  await clickFrame(page, "write");
  assert.strictEqual((await state(page)).root, "write");
  await page.keyboard.press("Escape");
  assert.strictEqual((await state(page)).root, "all");

  await page.click("[data-act=merged]");
  s = await state(page);
  assert.ok(!s.byProcess && !box(s, "server (100)"));
  near(box(s, "main").w / width, 0.98, 0.002, "share of main in the merged tree");
  await page.click("[data-act=process]");
  assert.ok(box(await state(page), "worker (200)"));

  const above = (x) => box(x, "server (100)").y < box(x, "vfs_write").y;
  assert.ok(above(await state(page)));
  await page.click("[data-act=flame]");
  assert.ok(!above(await state(page)));
  await page.click("[data-act=icicle]");

  await page.selectOption("select", "0");
  assert.strictEqual((await state(page)).type, 0);
  await page.click("[data-act=table]");
  assert.match((await page.locator(".sf-table tbody tr").first().innerText()).replace(/\s+/g, " "), /^610 61.0% 610 61.0% hash$/);
  await page.click("[data-act=table]");

  s = await state(page);
  const canvas = await page.locator("canvas").boundingBox(), at = box(s, "vfs_write");
  await page.mouse.move(canvas.x + at.x + at.w / 2, canvas.y + at.y + 8);
  const tip = (await page.locator(".sf-tip").innerText()).replace(/\s+/g, " ");
  assert.ok(/vfs_write/.test(tip) && /\[kernel.kallsyms\]/.test(tip) && /samples 250 25.0% 250 cpu 2.5 s 25.0% 2.5 s/.test(tip), tip);
}

// A new profile under the same page, as the live page has it every few seconds.
async function updated(page, seen) {
  await open(page, seen, "web");
  await page.click("[data-act=merged]");
  await page.click("[data-act=flame]");
  await page.selectOption("select", "0");
  await page.fill("input", "hash");
  const before = await state(page);
  await page.evaluate(() => {
    const live = document.getElementById("flame").stokerFlame, data = structuredClone(live.model.data);
    data.title = "later";
    for (const column of Object.values(data.frames)) column.unshift(0);  // every frame gets another number
    data.frames.kind[0] = 1;
    data.nodes.frame = data.nodes.frame.map((f) => f + 1);
    live.update(data);
  });
  const after = await state(page);
  assert.strictEqual(await page.locator("h1").innerText(), "later");
  // What was chosen, and each frame's colour, stay. As text: a difference is then printed.
  const seenOf = (s) => JSON.stringify({...s, result: s.result.nodes}, null, 1);
  assert.strictEqual(seenOf(after), seenOf(before));
  assert.ok(!after.byProcess && after.type === 0 && after.layout === "flame");
}

async function hostile(page, seen) {
  const s = await open(page, seen, "hostile");
  for (const name of ["</script><script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>", "__proto__", "constructor"]) {
    assert.ok(box(s, name), name);
  }
  await page.click("[data-act=table]");
  for (const b of s.boxes) {
    const canvas = await page.locator("canvas").boundingBox();
    await page.mouse.move(canvas.x + b.x / 2, canvas.y + b.y + 8);
  }
  await page.waitForTimeout(200);
  assert.strictEqual(await page.evaluate(() => window.pwned), undefined);
  assert.strictEqual(await page.locator("#flame img, #flame b b").count(), 0);
  assert.deepStrictEqual(seen.errors, []);
}

async function large(page, seen) {
  const s = await open(page, seen, "large");
  assert.strictEqual(s.nodes, 20000);
  await page.fill("input", "component17::");
  assert.strictEqual((await state(page)).result.frames, 207);
  await page.click("[data-act=flame]");
  assert.ok(box(await state(page), "all"), "the outermost frame is in view at the bottom");
}

(async () => {
  await withPage({}, web);
  await withPage({}, updated);
  await withPage({colorScheme: "dark"}, hostile);
  await withPage({colorScheme: "dark"}, large);
  console.log("page: ok");
})().catch((error) => { console.error(error); process.exit(1); });
