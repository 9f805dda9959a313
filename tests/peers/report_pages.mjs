// The pages of weir report in a browser: cases for web_page.mjs.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

/* What a reader would stumble over.  Runs in the page. */
function findFaults() {
  const faults = [], seen = (element) => element.checkVisibility() && element.getClientRects().length > 0;
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) faults.push(`${wide} px too wide`);
  for (const element of document.querySelectorAll("h1, h2, p, dt, dd, .keys li, .sorts th, .sorts td, .bars th, .bars td.n, .axis"))
    if (seen(element) && element.scrollWidth > element.clientWidth + 1)
      faults.push(`cut off: ${element.textContent}`);
  for (const scale of document.querySelectorAll(".where, .axis")) {
    const texts = [...scale.querySelectorAll("text, span")].filter((text) => seen(text) && text.textContent !== "");
    const boxes = texts.map((text) => text.getBoundingClientRect());
    boxes.forEach((box, i) => {
      if (box.left < 0 || box.right > innerWidth) faults.push(`outside: ${texts[i].textContent}`);
      const next = boxes[i + 1];
      if (next && box.right > next.left && box.left < next.right && box.bottom > next.top + 1 && box.top < next.bottom)
        faults.push(`overlap: ${texts[i].textContent} and ${texts[i + 1].textContent}`);
    });
  }
  for (const plot of document.querySelectorAll(".plot")) {
    const lines = [...plot.querySelectorAll("path.line")].map((line) => line.getBBox());
    if (lines.length === 0 || lines.every((line) => line.width === 0)) faults.push("an empty chart");
  }
  for (const bars of document.querySelectorAll(".bars"))
    if (![...bars.querySelectorAll("rect:not(.back)")].some((bar) => bar.getBBox().width > 0)) faults.push("bars of no length");
  return faults;
}

export function reportCases(context, directory, axe, check) {
  const pages = path.join(directory, "reports");
  const names = fs.readdirSync(pages).filter((name) => name.endsWith(".html")).map((name) => name.slice(0, -5)).sort();
  const complaints = [];

  async function blank() {
    const page = await context.newPage();
    page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => { if (!request.url().startsWith("file:")) complaints.push(request.url()); });
    return page;
  }
  async function go(page, name) {
    await page.goto(pathToFileURL(path.join(pages, `${name}.html`)).href);
  }

  return {
    "reports fit a phone and a desktop, in light and dark, and have no barrier": async () => {
      check(names.length === 8, names.join(" "));
      const page = await blank();
      for (const name of names)
        for (const [device, size] of Object.entries(SIZES))
          for (const scheme of ["light", "dark"]) {
            const what = `${name}-${device}-${scheme}`;
            await page.setViewportSize(size);
            await page.emulateMedia({ colorScheme: scheme });
            await go(page, name);
            await page.screenshot({ path: path.join(directory, `report-${what}.png`), fullPage: true });
            const faults = await page.evaluate(findFaults);
            check(faults.length === 0, `${what}: ${faults.join("; ")}`);
            if ((device === "phone") !== (scheme === "light")) continue;
            await page.evaluate(axe);
            const found = await page.evaluate(() => window.axe.run());
            check(found.violations.length === 0, `${what}: ${JSON.stringify(
              found.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))}`);
          }
      await page.close();
    },
    "a report is printed in black on white, with all there is": async () => {
      const page = await blank();
      await page.setViewportSize({ width: 700, height: 990 });
      await page.emulateMedia({ media: "print", colorScheme: "light" });
      await go(page, "map");
      await page.screenshot({ path: path.join(directory, "report-map-print.png"), fullPage: true });
      const faults = await page.evaluate(findFaults);
      check(faults.length === 0, faults.join("; "));
      await page.close();
    },
    "tables of a report are sorted, and charts tell what is under the pointer": async () => {
      const page = await blank();
      await page.setViewportSize(SIZES.desktop);
      await go(page, "map");
      const table = page.locator("table.sorts").last();
      const records = table.locator("tbody tr td:nth-child(2)");
      await table.getByRole("button", { name: "records" }).click();
      const numbers = (await records.allTextContents()).map(Number);
      check(numbers.length > 1 && numbers.every((one, i) => i === 0 || one >= numbers[i - 1]), numbers.join(" "));
      const key = page.locator(".keys li span").first();
      const before = await key.textContent();
      await page.locator(".plot").first().hover();
      check(/^[0-9.]+\/s$/.test(await key.textContent()), await key.textContent());
      check(/^[0-9.]+ (ms|s)$/.test(await page.locator("text.cursor").first().textContent()), "no time");
      await page.locator("h1").hover();
      check(await key.textContent() === before, "not as it was");
      await page.close();
    },
    "reports ask for nothing and report no error": async () => {
      check(complaints.length === 0, complaints.join("; "));
    },
  };
}
