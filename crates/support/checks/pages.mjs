// Visits every page, has axe-core judge it, and takes its picture. Ends with 1 if anything is wrong.
import fs from 'node:fs';
import puppeteer from 'puppeteer-core';

const [url, code, out, chromium] = process.argv.slice(2);
const axe = fs.readFileSync(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const inside = ['letter', 'todo', 'updates', 'check', 'ask', 'safety', 'moved', 'nothing-here'];
const problems = [];
let visited = 0;

const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu'] });

async function judge(page, name, language, width) {
  visited += 1;
  await page.screenshot({ path: `${out}/${name}.${language}.${width}.png`, fullPage: true });
  await page.evaluate(axe);
  const found = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: 'tag', values } }), tags);
  for (const violation of found.violations) {
    problems.push(`${name} ${language} ${width}: ${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).join(', ')}`);
  }
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) problems.push(`${name} ${language} ${width}: ${wide} pixels stick out`);
}

// A card takes ten messages a day, so that not every visit sends one.
async function visit(language, width, scheme, sends = true) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) problems.push(`${request.url()} was asked for: nothing may leave the host`);
  });
  await page.setViewport({ width, height: 800 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  const shown = scheme === 'dark' ? `${width}.dark` : `${width}`;
  await page.goto(`${url}/?l=${language}`);
  const direction = await page.evaluate(() => getComputedStyle(document.body).direction);
  if (direction !== (language === 'ur' ? 'rtl' : 'ltr')) problems.push(`${language} is written ${direction}`);
  await judge(page, 'front', language, shown);
  await page.type('#code', '7K2M-QX4D-9RTV-H3PB');
  await Promise.all([page.waitForNavigation(), page.click('main button')]);
  await judge(page, 'mistyped', language, shown);
  // By keyboard alone: type, and Enter.
  await page.focus('#code');
  await page.keyboard.type(code.toLowerCase().replaceAll('-', ' '));
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  if (!page.url().endsWith('/letter')) problems.push(`the code does not open the page: ${page.url()}`);
  for (const name of inside) {
    await page.goto(`${url}/${name}`);
    if (name === 'todo') {
      await page.focus('#done0');
      await page.keyboard.press('Space');
    }
    await judge(page, name, language, shown);
  }
  await page.goto(`${url}/ask`);
  await page.type('#text', '   ');
  await Promise.all([page.waitForNavigation(), page.click('main button')]);
  await judge(page, 'empty', language, shown);
  if (!sends) {
    await context.close();
    return;
  }
  await page.type('#text', language === 'en' ? 'Was my bank account seen?' : '我的銀行戶口有沒有被看到？');
  await Promise.all([page.waitForNavigation(), page.click('main button')]);
  if (!page.url().endsWith('/updates') || !(await page.$('[role=status]'))) problems.push(`a question was not taken: ${page.url()}`);
  await judge(page, 'sent', language, shown);
  await context.close();
}

// The whole way by Tab: the link that skips, the languages, the field, the button.
async function keyboard() {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.goto(`${url}/?l=en`);
  const order = [];
  for (let at = 0; at < 6; at += 1) {
    await page.keyboard.press('Tab');
    order.push(await page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName + ':' + document.activeElement.textContent));
  }
  const wanted = ['skip', 'A:繁體中文', 'A:简体中文', 'SUMMARY:Other languages · Language', 'code', 'BUTTON:Open'];
  if (JSON.stringify(order.slice(0, 6)) !== JSON.stringify(wanted)) problems.push(`Tab goes another way: ${order.join(', ')}`);
  await context.close();
}

for (const language of ['en', 'zh-Hant', 'zh-Hans', 'ur']) {
  for (const width of [320, 1280]) await visit(language, width, 'light');
}
await visit('en', 320, 'dark');
for (const language of ['hi', 'ne', 'th', 'tl', 'id', 'ja', 'ko', 'de', 'fr', 'es', 'pt']) await visit(language, 320, 'light', false);
await keyboard();
await browser.close();
for (const problem of problems) console.log(problem);
console.log(`${visited} pages judged, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
