// Opens a page of examples/web in Chromium, presses Guess, and prints its list.
// web_example.mjs URL CHROMIUM DIRECTORY
// DIRECTORY has node_modules.
import { createRequire } from "node:module";
import path from "node:path";

const [url, executablePath, directory] = process.argv.slice(2);
const require = createRequire(path.join(directory, "package.json"));
const { chromium } = require("playwright-core");

const browser = await chromium.launch({
  executablePath, args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const page = await browser.newPage();
page.setDefaultTimeout(60000);
page.on("console", (message) => console.log(message.text()));
page.on("pageerror", (error) => console.log(error.message));
await page.goto(url);
await page.getByRole("button", { name: "Guess" }).click();
await page.getByRole("listitem").nth(4).waitFor();
console.log((await page.getByRole("listitem").allTextContents()).join("\n"));
await browser.close();
