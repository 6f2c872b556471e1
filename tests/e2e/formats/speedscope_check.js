// Our speedscope files keep to its schema, and its own page imports them.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const Ajv = require("ajv");
const {withPage} = require("./browser.js");
const directory = path.resolve(process.argv[2]);
const release = path.join(path.dirname(require.resolve("speedscope/package.json")), "dist/release");

const validate = new Ajv({strict: false}).compile(JSON.parse(fs.readFileSync(`${release}/file-format-schema.json`, "utf8")));
for (const name of ["web", "hostile", "large"]) {
  const file = JSON.parse(fs.readFileSync(`${directory}/${name}.speedscope.json`, "utf8"));
  assert.ok(validate(file), JSON.stringify(validate.errors));
  for (const profile of file.profiles) {
    assert.strictEqual(profile.samples.length, profile.weights.length);
    assert.strictEqual(profile.weights.reduce((a, b) => a + b, 0), profile.endValue);
    for (const stack of profile.samples) assert.ok(stack.every((frame) => frame < file.shared.frames.length));
  }
}

(async () => {
  for (const name of ["web", "hostile"]) {
    const title = await withPage({}, async (page, seen) => {
      // What the speedscope command does: a script next to the page hands the file over.
      const base64 = fs.readFileSync(`${directory}/${name}.speedscope.json`).toString("base64");
      const script = `${directory}/${name}.js`;
      fs.writeFileSync(script, `speedscope.loadFileFromBase64(${JSON.stringify(name)}, ${JSON.stringify(base64)})`);
      await page.goto(`file://${release}/index.html#localProfilePath=${script}`);
      await page.waitForFunction(() => /cpu/.test(document.title) || /cpu/.test(document.body.innerText), null, {timeout: 30000});
      assert.deepStrictEqual(seen.requests.filter((url) => !/^(file|data|blob):/.test(url)), []);
      assert.deepStrictEqual(seen.errors, []);
      return `${await page.title()} ${await page.evaluate(() => document.body.innerText)}`;
    });
    if (name === "web") assert.match(title, /server \(100\) — cpu/);
  }
  console.log("speedscope: ok");
})().catch((error) => { console.error(error); process.exit(1); });
