// Walks every page of a console: pictures, axe-core, requests to other hosts, and the whole story by keyboard. Called by pages.sh.
const fs = require("fs");
const path = require("path");
const { execFileSync } = require("child_process");
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [linkFile, pictures, allFile] = process.argv.slice(2);
const { link } = JSON.parse(fs.readFileSync(linkFile, "utf8"));
let origin = new URL(link).origin;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const problems = [];
let pages = 0;

function problem(where, what) {
  problems.push(`${where}: ${what}`);
  console.log(`PROBLEM ${where}: ${what}`);
}

async function look(page, name, url, languages) {
  for (const language of languages) {
    for (const width of [1280, 320]) {
      await page.setViewport({ width, height: 900 });
      await page.goto(`${origin}/language/${language}?back=${url}`, { waitUntil: "load" });
      if (page.url() !== origin + url) await page.goto(origin + url, { waitUntil: "load" });
      await seen(page, `${name} ${language} ${width}`, `${name}-${language}-${width}`);
    }
  }
}

async function seen(page, where, picture) {
  const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  if (overflow > 0) problem(where, `${overflow} pixels stand out to the right`);
  await page.evaluate(axe);
  const found = await page.evaluate((rules) => axe.run({ runOnly: { type: "tag", values: rules } }), RULES);
  for (const violation of found.violations) {
    problem(where, `${violation.id} (${violation.impact}): ${violation.nodes.slice(0, 3).map((node) => node.target.join(" ") + " " + (node.any[0] || {}).message).join(" | ")}`);
  }
  await page.screenshot({ path: path.join(pictures, `${picture}.png`), fullPage: true });
  pages += 1;
}

// What a session saw, asked by the form; and the holes in the logs by night and on paper.
async function scopeAndHoles(page) {
  await page.goto(origin + "/path", { waitUntil: "load" });
  const all = await page.$$eval("#scope-session option", (options) => options.map((option) => option.value));
  await page.select("#scope-session", ...all);
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click("form[action='/scope'] button")]);
  await seen(page, "scope", "scope");
  await page.setViewport({ width: 320, height: 900 });
  await seen(page, "scope 320", "scope-320");
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  for (const width of [1280, 320]) {
    await page.setViewport({ width, height: 900 });
    await page.goto(origin + "/evidence", { waitUntil: "load" });
    await seen(page, `evidence by night ${width}`, `evidence-dark-${width}`);
  }
  await page.emulateMediaFeatures([]);
  await page.setViewport({ width: 1280, height: 900 });
  await printed(page, "evidence", "/evidence", []);
}

// On paper: what is folded away on the screen stands there, and no form does.
async function printed(page, name, url, never) {
  await page.goto(`${origin}/language/en?back=${url}`, { waitUntil: "load" });
  const folded = await page.$$eval("main details:not([open])", (all) => all.map((one) => [...one.children].slice(1).map((part) => part.textContent).join(" ")));
  const file = path.join(pictures, `${name}.pdf`);
  await page.pdf({ path: file, format: "A4", printBackground: true });
  const bare = (text) => text.replace(/\s+/g, "");
  const paper = bare(execFileSync("pdftotext", [file, "-"], { encoding: "utf8" }));
  if (!paper.includes(bare(await page.$eval("main h1", (h1) => h1.textContent)))) problem(name, "the paper lacks its title");
  // A line or a page can end anywhere: the first letters of each will do.
  const lost = folded.map(bare).filter((text) => text && !paper.includes(text.slice(0, 40)));
  if (lost.length) problem(name, `${lost.length} of ${folded.length} folded parts are not on paper`);
  for (const words of never) if (paper.includes(bare(words))) problem(name, `the paper has a form: ${words}`);
  return folded.length;
}

// Several cases behind one address: their list, and each under a path of its own.
async function severalCases(page) {
  const { link } = JSON.parse(fs.readFileSync(allFile, "utf8"));
  origin = new URL(link).origin;
  await page.goto(link, { waitUntil: "load" });
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click("button")]);
  for (const language of ["en", "zh-Hant"]) {
    for (const width of [1280, 320]) {
      await page.setViewport({ width, height: 900 });
      await page.goto(`${origin}/language/${language}`, { waitUntil: "load" });
      await seen(page, `cases ${language} ${width}`, `cases-${language}-${width}`);
    }
  }
  const cases = await page.$$eval("h2 a", (links) => links.map((a) => a.getAttribute("href")));
  if (cases.length !== 2) problem("cases", `${cases.length} cases are listed`);
  await page.setViewport({ width: 1280, height: 900 });
  for (const [place, root] of cases.entries()) {
    for (const url of ["", "/people", "/letters", "/desk"]) {
      await page.goto(origin + root + url, { waitUntil: "load" });
      await seen(page, `case ${root}${url}`, `case-${place}${url.replace("/", "-")}`);
      // Every way on leads into the same case or back to the list.
      const elsewhere = await page.$$eval("a[href], form[action]", (all, [root, origin]) => all.map((one) => new URL(one.getAttribute("href") || one.getAttribute("action"), location.href).href).filter((to) => !to.startsWith(origin + root) && to !== `${origin}/`), [root, origin]);
      if (elsewhere.length) problem(root + url, `leads to ${elsewhere[0]}`);
    }
  }
}

async function first(page, url, selector) {
  await page.goto(origin + url, { waitUntil: "load" });
  return page.evaluate((selector) => { const a = document.querySelector(selector); return a && a.getAttribute("href"); }, selector);
}

// Goes on by Tab until something of this address or name has the focus, and shows that it has.
async function tabTo(page, wanted, limit) {
  for (let i = 0; i < limit; i += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate("(document.activeElement.getAttribute('href') || document.activeElement.getAttribute('name') || '')");
    if (!wanted.test(at)) continue;
    const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    if (outline === "none") problem("keyboard", `nothing shows where the focus is, at ${at}`);
    return true;
  }
  problem("keyboard", `${wanted} cannot be reached`);
  return false;
}

async function enter(page) {
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.keyboard.press("Enter")]);
}

// From the rail to a person's proof, and from a link to its being struck, with nothing but Tab, letters and Enter.
async function byKeyboard(page) {
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(origin + "/", { waitUntil: "load" });
  if (await tabTo(page, /^\/people$/, 30)) await enter(page);
  if (await tabTo(page, /^\/people\/[0-9a-f]{16}$/, 140)) await enter(page);
  if (!/\/people\/[0-9a-f]{16}$/.test(page.url())) problem("keyboard", `ended at ${new URL(page.url()).pathname}`);
  if (await tabTo(page, /^\/path$/, 30)) await enter(page);
  if (await tabTo(page, /^\/path\/L/, 300)) await enter(page);
  const link = new URL(page.url()).pathname;
  // First what hangs on it: the page comes again by itself until that is worked out.
  if (await tabTo(page, /^verdict$/, 300)) await enter(page);
  if (!/\/struck$/.test(page.url())) problem("keyboard", `no preview: ${new URL(page.url()).pathname}`);
  await page.waitForSelector("form[action='/act/judge']", { timeout: 120000 });
  await seen(page, "preview", "preview");
  const preview = page.url();
  for (const [language, width] of [["en", 320], ["zh-Hant", 1280], ["zh-Hant", 320], ["en", 1280]]) {
    await page.setViewport({ width, height: 900 });
    await page.goto(`${origin}/language/${language}?back=${new URL(preview).pathname}`, { waitUntil: "load" });
    if (page.url() !== preview) await page.goto(preview, { waitUntil: "load" });
    await seen(page, `preview ${language} ${width}`, `preview-${language}-${width}`);
  }
  if (!(await tabTo(page, /^why$/, 300))) return;
  await page.keyboard.type("our own test, by keyboard");
  if (await tabTo(page, /^verdict$/, 3)) await enter(page);
  const told = await page.evaluate("(document.querySelector('[role=status]') || {}).textContent || ''");
  if (new URL(page.url()).pathname !== link || !/is struck out \(ledger entry \d+\)/.test(told)) problem("keyboard", `the link was not struck: ${told}`);
}

// Ctrl+K, a word, Enter; and the same without a script.
async function byPalette(page) {
  await page.goto(origin + "/people", { waitUntil: "load" });
  await page.keyboard.down("Control"); await page.keyboard.press("k"); await page.keyboard.up("Control");
  if ((await page.evaluate("document.activeElement.id")) !== "go") problem("palette", "Ctrl+K does not lead to the field");
  await page.keyboard.type("evidenc");
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.keyboard.press("Enter")]);
  if (!page.url().endsWith("/evidence")) problem("palette", `ended at ${new URL(page.url()).pathname}`);
  await page.setJavaScriptEnabled(false);
  await page.goto(origin + "/people", { waitUntil: "load" });
  await page.type("#go", "clock");
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.keyboard.press("Enter")]);
  if (!page.url().endsWith("/clocks")) problem("palette", `without a script it ended at ${new URL(page.url()).pathname}`);
  await page.goto(origin + "/people", { waitUntil: "load" });
  await page.type("#go", "every byte");
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.keyboard.press("Enter")]);
  const offered = await page.$("form[action='/act/work'] button");
  if (!offered) problem("palette", "a command is not offered without a script");
  else await Promise.all([page.waitForNavigation({ waitUntil: "load" }), offered.click()]);
  if (!page.url().endsWith("/work")) problem("palette", `a command ended at ${new URL(page.url()).pathname}`);
  await page.setJavaScriptEnabled(true);
}

(async () => {
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  const page = await browser.newPage();
  page.on("request", (request) => { if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) problem(page.url(), `asks ${request.url()}`); });
  page.on("console", (message) => { if (!page.url().endsWith("/nothing-here") && ["error", "warning"].includes(message.type())) problem(new URL(page.url()).pathname.replace(/[0-9a-f]{64}/, "…"), message.text()); });
  await page.goto(link, { waitUntil: "load" });
  await page.evaluate(axe);
  await page.screenshot({ path: path.join(pictures, "link.png") });
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click("button")]);
  const person = await first(page, "/people?tier=confirmed", "table.people tbody a");
  const detail = await first(page, "/path", "a[href^='/path/L']");
  const lines = await first(page, "/path", "a[href^='/lines/step/']");
  const action = await first(page, "/contain", "a[href^='/contain/']");
  const all = [["tide", "/"], ["evidence", "/evidence"], ["path", "/path"], ["timeline", "/timeline"], ["people", "/people"], ["contain", "/contain"], ["clocks", "/clocks"], ["letters", "/letters"], ["form", "/clocks/form/gdpr-33"], ["desk", "/desk"], ["desk-all", "/desk?all"], ["drill", "/drill"], ["ledger", "/ledger"], ["access", "/access"], ["work", "/work"], ["go", "/go"], ["not-found", "/nothing-here"]];
  // A message that was read, its answer, and a caller's sheet: where the case has messages, and a code is given.
  const message = await first(page, "/desk?all", "td a[href^='/desk/']");
  if (process.env.CODE && !message) problem("desk", "no message waits, though somebody wrote");
  if (message) {
    await page.goto(origin + message, { waitUntil: "load" });
    const read = await page.$("form[action='/act/read'] button");
    if (read) await Promise.all([page.waitForNavigation({ waitUntil: "load" }), read.click()]);
    all.push(["message", message]);
  }
  if (process.env.CODE) {
    await page.goto(origin + "/desk", { waitUntil: "load" });
    await page.type("#code", process.env.CODE);
    await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click("form[action='/act/call'] button")]);
    if (/\/desk\/person\//.test(page.url())) all.push(["call", new URL(page.url()).pathname]);
    else problem("call", "the code opened no sheet");
  }
  if (person) all.push(["person", person], ["letter", person.replace("people", "letters")]);
  const beside = await first(page, "/letters", "a[href^='/letters/template/']");
  if (beside) all.push(["beside", beside]);
  else problem("letters", "no template is led to");
  if (detail) all.push(["link", detail]);
  if (lines) all.push(["lines", lines]);
  if (action) all.push(["action", action]);
  for (const [name, url] of all) await look(page, name, url, ["en", "zh-Hant"]);
  await page.goto(`${origin}/language/en?back=/`, { waitUntil: "load" });
  await page.pdf({ path: path.join(pictures, "tide.pdf"), format: "A4", printBackground: true });
  await page.goto(origin + "/clocks/form/gdpr-33", { waitUntil: "load" });
  await page.pdf({ path: path.join(pictures, "form.pdf"), format: "A4", printBackground: true });
  if (person) await printed(page, "person", person, ["Why do you need to see the name?"]);
  if (!(await printed(page, "clocks", "/clocks", ["Something happened", "When, in the organisation's time"]))) problem("clocks", "nothing is folded on it");
  await scopeAndHoles(page);
  await byKeyboard(page);
  await byPalette(page);
  if (allFile) await severalCases(page);
  await browser.close();
  console.log(`${pages} pages looked at, ${problems.length} problems; pictures in ${pictures}`);
  process.exit(problems.length ? 1 : 0);
})().catch((error) => { console.error(error); process.exit(2); });
