// The page of weir serve --http, and those of weir report, in Chromium.  Prints TAP.
// web_page.mjs PORT CHROMIUM DIRECTORY
// DIRECTORY has node_modules and reports/, and gets the screenshots.
import { createRequire } from "node:module";
import http from "node:http";
import path from "node:path";
import fs from "node:fs";
import os from "node:os";
import { reportCases } from "./report_pages.mjs";

const [port, executablePath, directory] = process.argv.slice(2);
const require = createRequire(path.join(directory, "package.json"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const url = `http://127.0.0.1:${port}`;
const HOSTILE = "<img src=x onerror=alert(1)>";
const PATIENCE_MS = 60000;

const profile = fs.mkdtempSync(path.join(os.tmpdir(), "weir-page-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP evil.example 127.0.0.1",
  ],
});
context.setDefaultTimeout(PATIENCE_MS);

const complaints = [];
function listen(page) {
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    if (!request.url().startsWith(url + "/")) complaints.push(`request: ${request.url()}`);
  });
}
async function open(size = { width: 1280, height: 900 }, scheme = "light", name = "add") {
  const page = await context.newPage();
  listen(page);
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(`${url}/#${encodeURIComponent(name)}`);
  await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  await page.getByRole("heading", { name: "Now" }).waitFor();
  return page;
}
function check(condition, text) {
  if (!condition) throw new Error(text);
}
async function result(page, wanted) {
  const region = page.getByRole("region", { name: "result" });
  await region.filter({ hasText: wanted }).waitFor();
  return region.textContent();
}
async function stats() {
  return (await fetch(`${url}/v1/stats`)).json();
}
async function until(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

const cases = {
  "a function is called with the keyboard alone": async () => {
    const page = await open();
    for (let i = 0; i < 20; i++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement.tagName) === "INPUT") break;
    }
    await page.keyboard.type("3");
    await page.keyboard.press("Tab");
    await page.keyboard.type("4");
    await page.keyboard.press("Enter");
    check((await result(page, "7")) === "7", "not 7");
    await page.getByRole("status").filter({ hasText: "add returned" }).waitFor();
    await page.close();
  },
  "a stream arrives, and Stop ends the function": async () => {
    const page = await open(undefined, undefined, "count");
    await page.getByLabel("first").fill("1");
    await page.getByLabel("last").fill("1000000");
    await page.getByLabel("pause_ms").fill("20");
    await page.getByRole("button", { name: "Call", exact: true }).click();
    await result(page, "3");
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.getByRole("status").filter({ hasText: "count was stopped" }).waitFor();
    await until(async () => (await stats()).running === 0, "the function ends");
    await page.close();
  },
  "a worker that dies costs one call, and its successor is seen": async () => {
    const page = await open(undefined, undefined, "die");
    await page.getByRole("button", { name: "Call", exact: true }).click();
    await result(page, "may have been executed");
    await page.getByText("Restarts").locator("xpath=following-sibling::dd").filter({ hasText: /^[1-9]/ }).waitFor();
    // The browser reports the response 502.
    complaints.splice(0, complaints.length, ...complaints.filter((text) => !text.includes("502")));
    await page.close();
  },
  "forms follow the schemas": async () => {
    const page = await open(undefined, undefined, "move");
    await page.getByLabel("point").fill('{"x": 1, "y": ');
    await page.getByRole("button", { name: "Call", exact: true }).click();
    await result(page, "point: ");
    await page.getByLabel("point").fill('{"x": 1, "y": 2}');
    await page.getByLabel("size").selectOption("large");
    await page.getByLabel("loud").check();
    await page.getByRole("button", { name: "Call", exact: true }).click();
    check((await result(page, "3")) === '{"x":2,"y":3}', "not the point");
    await page.getByRole("button", { name: "Show as curl" }).click();
    const line = await page.getByRole("region", { name: "curl command" }).textContent();
    check(line.startsWith("curl 'http://127.0.0.1:") && line.includes('"size":"large"'), line);
    await page.goto(`${url}/#total`);
    await page.reload();
    await page.getByLabel("Input stream").fill("1\n2\n3.5");
    await page.getByRole("button", { name: "Call", exact: true }).click();
    check((await result(page, "6.5")) === "6.5", "not the total");
    await page.close();
  },
  "names, descriptions and results are text": async () => {
    const page = await open(undefined, undefined, HOSTILE);
    await page.getByRole("heading", { name: HOSTILE }).waitFor();
    await page.getByRole("button", { name: "Call", exact: true }).click();
    check((await result(page, "onerror")).includes(HOSTILE), "not as text");
    check(await page.locator("img").count() === 0, "an image was made");
    await page.close();
  },
  "calls of others are seen and can be cancelled": async () => {
    const page = await open();
    const call = fetch(`${url}/v1/call/wait`, {
      method: "POST", body: "[1000]", headers: { "Content-Type": "application/json" },
    });
    await page.getByRole("button", { name: "Cancel wait" }).click();
    check((await call).status === 409, "it was not cancelled");
    await page.getByRole("button", { name: "Cancel wait" }).waitFor({ state: "detached" });
    await page.close();
  },
  "it fits a phone, in light and dark, and has no barrier": async () => {
    for (const [device, size] of [["phone", { width: 390, height: 844 }], ["desktop", { width: 1280, height: 900 }]])
      for (const scheme of ["light", "dark"]) {
        const page = await open(size, scheme);
        await page.getByLabel("a", { exact: true }).fill("3");
        await page.getByLabel("b", { exact: true }).fill("4");
        await page.getByRole("button", { name: "Call", exact: true }).click();
        await result(page, "7");
        await page.getByRole("table", { name: "Latency" }).waitFor();
        await page.screenshot({ path: path.join(directory, `${device}-${scheme}.png`), fullPage: true });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        check(wide <= 0, `${device}: ${wide} px too wide`);
        await page.evaluate(axe);
        const found = await page.evaluate(() => window.axe.run());
        check(found.violations.length === 0, `${device} ${scheme}: ${JSON.stringify(
          found.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))}`);
        await page.close();
      }
  },
  "dark is dark": async () => {
    const shades = [];
    for (const scheme of ["light", "dark"]) {
      const page = await open(undefined, scheme);
      shades.push(await page.evaluate(() => {
        const probe = document.createElement("div");
        probe.style.color = "Canvas";
        document.body.append(probe);
        return getComputedStyle(probe).color;
      }));
      await page.close();
    }
    check(shades[0] !== shades[1], shades.join(" "));
  },
  "another name for the server is refused (DNS rebinding)": async () => {
    const page = await context.newPage();
    const response = await page.goto(`http://evil.example:${port}/`);
    check(response.status() === 421, String(response.status()));
    await page.close();
  },
  "a page elsewhere can call nothing": async () => {
    const elsewhere = http.createServer((request, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end(`<form method=post enctype=text/plain action="${url}/v1/call/add"><input name='[1,2]//' value=x></form>`);
    });
    await new Promise((go) => elsewhere.listen(0, "127.0.0.1", go));
    const before = (await stats()).calls;
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${elsewhere.address().port}/`);
    const outcome = await page.evaluate((target) => fetch(target, {
      method: "POST", body: "[1,2]", headers: { "Content-Type": "application/json" },
    }).then((response) => response.status, (error) => error.name), `${url}/v1/call/add`);
    check(outcome === "TypeError", String(outcome));
    const simple = await page.evaluate((target) => fetch(target, { method: "POST", body: "[1,2]", mode: "no-cors" })
      .then((response) => response.type, (error) => error.name), `${url}/v1/call/add`);
    check(simple === "opaque" || simple === "TypeError", simple);
    const [response] = await Promise.all([
      page.waitForNavigation(), page.evaluate(() => document.forms[0].submit()),
    ]);
    check(response.status() === 403 || response.status() === 415, String(response.status()));
    check((await stats()).calls === before, "something was called");
    await page.close();
    elsewhere.close();
  },
  "the page asked for nothing elsewhere and reported no error": async () => {
    check(complaints.length === 0, complaints.join("; "));
  },
  ...reportCases(context, directory, axe, check),
};

let failed = 0, number = 0;
console.log(`1..${Object.keys(cases).length}`);
for (const [name, run] of Object.entries(cases)) {
  number++;
  try {
    await run();
    console.log(`ok ${number} - ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${number} - ${name}`);
    console.log(String(error.message).replace(/^/gm, "# "));
  }
}
await context.close();
fs.rmSync(profile, { recursive: true, force: true });
process.exit(failed > 0 ? 1 : 0);
