// Two people, two virtual authenticators, one case. Called by passkeys.sh.
const fs = require("fs");
const path = require("path");
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [linkFile, pictures] = process.argv.slice(2);
const { link } = JSON.parse(fs.readFileSync(linkFile, "utf8"));
const here = new URL(link).origin.replace("127.0.0.1", "localhost");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const problems = [];
let looked = 0;

function check(holds, what) {
  if (holds) return;
  problems.push(what);
  console.log(`PROBLEM ${what}`);
}

async function look(page, name) {
  for (const width of [1280, 320]) {
    await page.setViewport({ width, height: 900 });
    check(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), `${name} ${width}: stands out to the right`);
    await page.evaluate(axe);
    const found = await page.evaluate((rules) => axe.run({ runOnly: { type: "tag", values: rules } }), RULES);
    for (const violation of found.violations) check(false, `${name} ${width}: ${violation.id} ${violation.nodes.slice(0, 2).map((node) => node.target.join(" ")).join(" | ")}`);
    await page.screenshot({ path: path.join(pictures, `${name}-${width}.png`), fullPage: true });
    looked += 1;
  }
  await page.setViewport({ width: 1280, height: 900 });
}

// A window of its own, with an authenticator that knows its holder.
async function person(browser, name) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.on("request", (request) => check(/^(http:\/\/(127\.0\.0\.1|localhost):|data:)/.test(request.url()), `${name} asks ${request.url()}`));
  page.on("console", (message) => check(!["error", "warning"].includes(message.type()) || /40[34]|422/.test(message.text()), `${name}: ${message.text()}`));
  const client = await page.createCDPSession();
  await client.send("WebAuthn.enable");
  const options = { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const { authenticatorId } = await client.send("WebAuthn.addVirtualAuthenticator", { options });
  const known = (isUserVerified) => client.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
  return { name, page, known, client, authenticatorId };
}

async function go(page, address) {
  await page.goto(address.startsWith("http") ? address : here + address, { waitUntil: "load" });
}

async function press(page, selector) {
  const button = await page.$(selector);
  if (!button) throw new Error(`${new URL(page.url()).pathname} has no ${selector}`);
  await Promise.all([page.waitForNavigation({ waitUntil: "load", timeout: 30000 }), button.click()]);
}

const text = (page, selector) => page.evaluate((selector) => (document.querySelector(selector) || {}).textContent || "", selector);

// What the page told, and of it what fits.
async function told(page, wanted) {
  const notice = await text(page, "[role=status]");
  const found = notice.match(wanted);
  if (!found) throw new Error(`${page.url()} told ${JSON.stringify(notice)}: ${(await text(page, "main")).slice(0, 400)}`);
  return found[0];
}
const GET = "form[data-passkey=get] button";

async function make(who) {
  await go(who.page, "/access");
  await press(who.page, "form[data-passkey=create] button");
  return told(who.page, /SHA256:\S+/);
}

async function enrol(approver, fingerprint, picture) {
  await go(approver.page, "/access");
  check((await text(approver.page, "main")).includes(fingerprint), "the offer does not show the fingerprint that its maker saw");
  if (picture) await look(approver.page, picture);
  await approver.page.select("form[action='/act/enrol'] select", "approver");
  await press(approver.page, "form[action='/act/enrol'] button");
  if (picture) await look(approver.page, `${picture}-sign`);
  await press(approver.page, GET);
  check(/entr/.test(await text(approver.page, ".notice")), `nothing was entered: ${await text(approver.page, "main")}`);
}

async function signIn(who) {
  await go(who.page, "/access");
  await press(who.page, ".me form button");
  check(who.page.url().endsWith("/in"), "leaving leads nowhere");
  await press(who.page, GET);
  check((await text(who.page, ".me")).includes(who.name), `${who.name} did not come in: ${await text(who.page, "main")}`);
}

async function approve(who) {
  await go(who.page, "/letters");
  await press(who.page, "form[action='/act/approve'] button");
  check(/\/sign\/\d+$/.test(who.page.url()), `approving is not signed: ${await text(who.page, "main")}`);
  // Whoever is not known to the authenticator signs nothing.
  await who.known(false);
  await (await who.page.$(GET)).click();
  await who.page.waitForFunction("document.querySelector('form[data-passkey] [role=alert]').textContent", { timeout: 30000 });
  check(/\/sign\/\d+$/.test(who.page.url()), "somebody unknown signed");
  await who.known(true);
  await press(who.page, GET);
  check(who.page.url().endsWith("/letters"), `not approved: ${await text(who.page, "main")}`);
}

// A question is read, and answered: each is signed first.
async function answerQuestion(who) {
  await go(who.page, "/desk");
  const rows = await who.page.$$eval("tbody tr", (all) => all.map((row) => [row.querySelector("a").getAttribute("href"), row.textContent]));
  const question = rows.find(([, says]) => says.includes("A question"));
  if (!question) throw new Error(`no question waits: ${rows.map(([, says]) => says).join(" | ")}`);
  await go(who.page, question[0]);
  await press(who.page, "form[action='/act/read'] button");
  check(!(await text(who.page, "main")).includes("bank account"), "a question is read before it is signed that somebody does");
  await press(who.page, GET);
  check((await text(who.page, ".paper")).includes("Was my bank account seen?"), "the question is not shown");
  await who.page.type("#text", "It was not: your letter says what was.");
  const own = await who.page.$("#text");
  await Promise.all([who.page.waitForNavigation({ waitUntil: "load" }), own.evaluate((field) => field.form.requestSubmit())]);
  await press(who.page, GET);
  check((await text(who.page, "main")).includes("It was not: your letter says what was."), "the answer does not stand there");
  await look(who.page, "question-answered");
  // A request for safety is read in one step, and the page says which entry has it.
  const safety = rows.find(([, says]) => says.includes("SAFETY"));
  await go(who.page, safety[0]);
  await press(who.page, "form[action='/act/read'] button");
  check((await text(who.page, ".paper")).includes("They know where I live."), "a request for safety waits for a signature");
  await told(who.page, /ledger, entry \d+/);
  await look(who.page, "safety-read");
}

(async () => {
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  const first = await person(browser, process.env.OPENER || "A. Chan");
  await go(first.page, link);
  await press(first.page, "button");
  // At an address browsers make no passkeys: the page leads to the name.
  await go(first.page, new URL("/access", link).href);
  check(!(await first.page.$("form[data-passkey]")), "a passkey is offered at an address");
  await look(first.page, "access-address");
  await press(first.page, "form[action='/act/elsewhere'] button");
  await go(first.page, await told(first.page, /http:\/\/localhost:\S+/));
  await press(first.page, "button");
  await look(first.page, "tide-name");
  await enrol(first, await make(first), "access-first");
  // Somebody else comes to look, and makes a passkey of their own.
  await go(first.page, "/access");
  await first.page.type("#reader", "B. Lee");
  await press(first.page, "form[action='/act/link'] button");
  const second = await person(browser, "B. Lee");
  await go(second.page, await told(first.page, /http:\/\/localhost:\S+/));
  await press(second.page, "button");
  const fingerprint = await make(second);
  await look(second.page, "access-reader");
  await enrol(first, fingerprint, "access-second");
  await signIn(first);
  await signIn(second);
  await go(second.page, "/access");
  await press(second.page, ".me form button");
  await look(second.page, "door");
  // A form of before is another's: its number is used up.
  await press(second.page, GET);
  for (const who of [first, second]) await approve(who);
  await go(first.page, "/letters");
  await look(first.page, "letters-approved");
  // A rehearsal of what two people approved, and a link struck by a signature: the rest of what somebody does in a night.
  await press(first.page, "form[action='/act/work'] button[value=rehearse]");
  for (let tries = 0; !/rehearsals/.test(await text(first.page, "main")); tries += 1) {
    if (tries > 100) throw new Error(`no rehearsal came: ${await text(first.page, "main")}`);
    await new Promise((done) => setTimeout(done, 200));
    await go(first.page, "/work");
  }
  if (process.env.CODE) await answerQuestion(second);
  await go(first.page, "/path");
  await go(first.page, await first.page.$eval("a[href^='/path/L']", (a) => a.getAttribute("href")));
  await press(first.page, "form[action='/act/preview'] button[value=struck]");
  await first.page.waitForSelector("form[action='/act/judge']", { timeout: 120000 });
  await first.page.type("form[action='/act/judge'] [name=why]", "our own test");
  await press(first.page, "form[action='/act/judge'] button[value=struck]");
  await press(first.page, GET);
  check(/entr/.test(await told(first.page, /.+/)), "the link was not struck");
  await go(first.page, "/ledger");
  check((await text(first.page, "main")).includes("B. Lee"), "the ledger does not name who signed");
  await look(first.page, "ledger-signed");
  await browser.close();
  console.log(`${looked} views, ${problems.length} problems; pictures in ${pictures}`);
  process.exit(problems.length ? 1 : 0);
})().catch((error) => { console.error(error); process.exit(2); });
