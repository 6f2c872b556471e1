// Chromium without a network.
"use strict";
const {chromium} = require("playwright-core");

exports.withPage = async (options, body) => {
  const browser = await chromium.launch({executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox",
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--allow-file-access-from-files"]});
  try {
    const page = await browser.newPage({viewport: {width: 1400, height: 800}, ...options});
    const seen = {requests: [], errors: []};
    page.on("request", (r) => seen.requests.push(r.url()));
    page.on("pageerror", (e) => seen.errors.push(e.message));
    page.on("console", (m) => { if (m.type() === "error") seen.errors.push(m.text()); });
    return await body(page, seen);
  } finally {
    await browser.close();
  }
};
